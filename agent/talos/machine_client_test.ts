import assert from "node:assert/strict";
import { FakeTalosApi } from "../../tests/harness/talos/fake_talos_api_process.ts";
import type { TalosCallLog } from "../../tests/harness/talos/call_log.ts";
import {
  connectClient,
  registerClientCases,
  type TalosApiForTests,
  talosErrorOf,
} from "../../tests/harness/talos/client_cases.ts";
import { TemporaryDirectory } from "../../tests/harness/temporary_directory.ts";
import { grpcCodeName } from "./grpc/status.ts";

const ROLES = {
  admin: "os:admin",
  operator: "os:operator",
  reader: "os:reader",
  none: "",
} as const;

class FakeWithTalosconfigs implements TalosApiForTests {
  readonly calls: TalosCallLog;
  readonly endpoint: string;
  readonly fake: FakeTalosApi;
  readonly #directory: TemporaryDirectory;

  private constructor(fake: FakeTalosApi, directory: TemporaryDirectory) {
    this.fake = fake;
    this.calls = fake.calls;
    this.endpoint = fake.endpoint;
    this.#directory = directory;
  }

  static async start(host = "127.0.0.1"): Promise<FakeWithTalosconfigs> {
    const fake = await FakeTalosApi.start({ host });
    const directory = await TemporaryDirectory.create();
    for (const [name, role] of Object.entries(ROLES)) {
      const roles = role === "" ? [] : [role];
      await directory.write(`talosconfig-${name}`, await fake.talosconfig({ roles }));
    }
    return new FakeWithTalosconfigs(fake, directory);
  }

  talosconfigPath(role: keyof typeof ROLES): string {
    return `${this.#directory.path}/talosconfig-${role}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.fake[Symbol.asyncDispose]();
    await this.#directory[Symbol.asyncDispose]();
  }
}

registerClientCases("fake", () => FakeWithTalosconfigs.start());

Deno.test("a reader is told the host name", async () => {
  await using api = await FakeWithTalosconfigs.start();
  using client = await connectClient(api.endpoint, api.talosconfigPath("reader"));
  assert.equal(await client.hostname(), "node-1");
});

Deno.test("an accepted action has an actor id", async () => {
  await using api = await FakeWithTalosconfigs.start();
  using client = await connectClient(api.endpoint, api.talosconfigPath("operator"));
  assert.match((await client.shutdown({ force: false })).actorId ?? "", /^[0-9a-f-]{36}$/);
  assert.match((await client.reboot({ mode: "default" })).actorId ?? "", /^[0-9a-f-]{36}$/);
});

Deno.test("an IPv6 address is dialled", async () => {
  await using api = await FakeWithTalosconfigs.start("::1");
  assert.match(api.endpoint, /^\[::1\]:\d+$/);
  using client = await connectClient(api.endpoint, api.talosconfigPath("operator"));
  await client.shutdown({ force: false });
  assert.deepEqual(api.calls.methods, ["Shutdown"]);
});

Deno.test("each gRPC status arrives with its code and message", async (t) => {
  await using api = await FakeWithTalosconfigs.start();
  for (let code = 1; code <= 16; code++) {
    await t.step(grpcCodeName(code), async () => {
      const message = `so nicht: 100 % größer\nline ${code}`;
      await api.fake.fault({ fault: "status", code, message });
      using client = await connectClient(api.endpoint, api.talosconfigPath("operator"));
      const error = await talosErrorOf(client.shutdown({ force: false }));
      assert.equal(error.failure, "status");
      assert.equal(error.code, code);
      assert.equal(error.codeName, grpcCodeName(code));
      assert.equal(error.method, "Shutdown");
      assert.equal(error.text, message);
      assert.equal(error.mayHaveHappened, code === 1 || code === 4);
      // A call that changes nothing may always be repeated.
      assert.equal((await talosErrorOf(client.hostname())).mayHaveHappened, false);
    });
  }
});

Deno.test("an error in the reply's metadata is a failure", async (t) => {
  await using api = await FakeWithTalosconfigs.start();
  using client = await connectClient(api.endpoint, api.talosconfigPath("operator"));
  for (
    const [what, code, expected] of [["with a status", 9, 9], ["without", undefined, 2]] as const
  ) {
    await t.step(what, async () => {
      await api.fake.fault({
        fault: "metadata",
        error: "boo",
        ...(code === undefined ? {} : { code }),
      });
      const error = await talosErrorOf(client.reboot({ mode: "default" }));
      assert.equal(error.code, expected);
      assert.equal(error.text, "boo");
      assert.equal(error.mayHaveHappened, false);
    });
  }
});
