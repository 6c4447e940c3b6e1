import assert from "node:assert/strict";
import { publishNothing } from "../activity/activity.ts";
import { ActivityRecorder } from "../../tests/harness/activity_recorder.ts";
import { LogRecorder } from "../../tests/harness/log_recorder.ts";
import { talosErrorOf } from "../../tests/harness/talos/client_cases.ts";
import {
  FakeTalosApi,
  type FakeTalosApiOptions,
} from "../../tests/harness/talos/fake_talos_api_process.ts";
import { TemporaryDirectory } from "../../tests/harness/temporary_directory.ts";
import { grpcCode } from "./grpc/status.ts";
import { MachineClient } from "./machine_client.ts";
import { explainSocketFailure, findSocketFault } from "./machined_socket.ts";
import { TalosPower, type TalosPowerOptions } from "./power.ts";
import { TalosError } from "./talos_error.ts";

/** The fake Talos API at a socket in a directory of its own. */
class Machined implements AsyncDisposable {
  readonly api: FakeTalosApi;
  readonly socket: string;
  readonly #directory: TemporaryDirectory;

  private constructor(api: FakeTalosApi, socket: string, directory: TemporaryDirectory) {
    this.api = api;
    this.socket = socket;
    this.#directory = directory;
  }

  static async start(options: FakeTalosApiOptions = {}): Promise<Machined> {
    const directory = await TemporaryDirectory.create();
    const socket = `${directory.path}/machine.sock`;
    return new Machined(await FakeTalosApi.start({ ...options, socket }), socket, directory);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.api[Symbol.asyncDispose]();
    await this.#directory[Symbol.asyncDispose]();
  }
}

function clientAt(socket: string, timeoutMs = 5000): MachineClient {
  const { signal } = new AbortController();
  return MachineClient.atSocket(socket, { timeoutMs, signal, publish: publishNothing });
}

function powerAt(socket: string, options: Partial<TalosPowerOptions> = {}): TalosPower {
  return new TalosPower({
    socket,
    talosconfig: undefined,
    context: undefined,
    endpoints: [],
    drainTimeoutMs: undefined,
    rebootMode: "powercycle",
    callTimeoutMs: 5000,
    hostName: () => "node-1",
    ownAddresses: () => [],
    setTcpNoDelay() {},
    log: new LogRecorder(),
    publish: publishNothing,
    ...options,
  });
}

Deno.test("calls at the socket claim the role of an operator, and no more", async () => {
  await using machined = await Machined.start();
  using client = clientAt(machined.socket);
  assert.equal(await client.version(), "v1.13.0");
  assert.equal(await client.hostname(), "node-1");
  await client.shutdown({ force: true });
  await client.reboot({ mode: "powercycle" });
  const calls = await machined.api.calls.waitFor(3);
  assert.deepEqual(machined.api.calls.methods, ["Hostname", "Shutdown", "Reboot"]);
  assert.deepEqual(calls.map(({ request }) => request).slice(1), [{ force: true }, { mode: 1 }]);
  for (const { roles } of calls) assert.deepEqual(roles, ["os:operator"]);
});

Deno.test("a power action goes to the socket, is logged, and is forced after the drain", async () => {
  await using machined = await Machined.start();
  const log = new LogRecorder();
  const activity = new ActivityRecorder();
  using power = powerAt(machined.socket, { drainTimeoutMs: 100, log, publish: activity.publish });
  assert.equal(await power.checkCredentials(), undefined);
  await power.request("powerdown");
  const calls = await machined.api.calls.waitFor(2);
  assert.deepEqual(calls.map(({ request }) => request), [{ force: false }, { force: true }]);
  const [accepted] = log.matching(/accepted/);
  assert.equal(accepted?.fields["endpoint"], machined.socket);
  assert.equal(accepted?.fields["roles"], "os:operator");
  assert.deepEqual(activity.of("talos-call").map(({ code }) => code)[0], "OK");
});

Deno.test("a drain that has ended at the socket is not forced", async () => {
  await using machined = await Machined.start({ drainMs: 50 });
  const log = new LogRecorder();
  using power = powerAt(machined.socket, { drainTimeoutMs: 1500, log });
  await power.request("powerdown");
  await log.waitFor(/past the drain/);
  await Deno.remove(machined.socket);
  await new Promise((resolve) => setTimeout(resolve, 1600));
  assert.deepEqual(log.matching(/failed|forcing|does not tell/), []);
  assert.deepEqual(machined.api.calls.methods, ["Shutdown"]);
});

Deno.test("what machined refuses says who may, and is not repeated", async () => {
  await using machined = await Machined.start();
  await machined.api.fault({ fault: "status", code: 7, message: "not authorized" });
  using power = powerAt(machined.socket);
  await assert.rejects(power.request("reboot"), {
    message:
      /did not accept the reboot: .*machine\.sock answered PERMISSION_DENIED \(7\) "not authorized"; .*system extensions.*--talosconfig/,
  });
  assert.deepEqual(machined.api.calls.methods, ["Reboot"]);
});

Deno.test("an answer that does not come leaves open whether machined acts", async (t) => {
  await using machined = await Machined.start();
  const cases = [
    [{ fault: "never" }, "deadline"],
    [{ fault: "cut", after: "request" }, "cut"],
  ] as const;
  for (const [fault, failure] of cases) {
    await t.step(failure, async () => {
      await machined.api.fault(fault);
      using client = clientAt(machined.socket, 300);
      const error = await talosErrorOf(client.shutdown({ force: false }));
      assert.equal(error.failure, failure);
      assert.equal(error.mayHaveHappened, true);
      using power = powerAt(machined.socket, { callTimeoutMs: 300 });
      await assert.rejects(power.request("powerdown"), {
        message:
          /it is not known whether Talos accepted the shutdown: .*machine\.sock did not answer/,
      });
    });
  }
});

Deno.test("each way in which the socket is of no use has its own advice", async (t) => {
  await using directory = await TemporaryDirectory.create();
  const missing = `${directory.path}/missing.sock`;
  const refusal = async (path: string): Promise<string> => {
    using power = powerAt(path);
    let message = "";
    await assert.rejects(power.request("powerdown"), (error: Error) => {
      message = error.message;
      return true;
    });
    return message;
  };

  await t.step("it is not there", async () => {
    assert.match(await refusal(missing), /cannot be reached \(.*No such file.*--talos-socket$/);
    using power = powerAt(missing);
    assert.match(
      await power.checkCredentials() ?? "",
      /^there is no socket .*missing\.sock; mount .*\/system\/run\/machined.*--talos-socket$/,
    );
  });
  await t.step("nobody listens", async () => {
    const path = `${directory.path}/deserted.sock`;
    {
      // A listener that is closed takes its socket with it, by its name.
      using _listener = Deno.listen({ transport: "unix", path: `${path}.new` });
      await Deno.rename(`${path}.new`, path);
    }
    assert.match(await refusal(path), /Connection refused.*nobody listens there.*try again$/);
  });
  await t.step("it is a file", async () => {
    const path = await directory.write("file", "");
    assert.match((await findSocketFault(path))?.fact ?? "", /file is no socket$/);
  });
  await t.step("somebody else listens", async () => {
    const path = `${directory.path}/other.sock`;
    using listener = Deno.listen({ transport: "unix", path });
    const served = (async () => {
      for await (const connection of listener) {
        await connection.write(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"));
        connection.close();
      }
    })();
    using client = clientAt(path);
    const error = await talosErrorOf(client.version());
    assert.notEqual(error.failure, "status");
    listener.close();
    await served;
  });
  await t.step("it belongs to another user", () => {
    const error = new TalosError({
      failure: "unreachable",
      code: grpcCode("UNAVAILABLE"),
      endpoint: missing,
      method: "Shutdown",
      text: "client error (Connect): Permission denied (os error 13)",
      mayHaveHappened: false,
    });
    assert.equal(explainSocketFailure(error).remedy, "run the agent as root");
  });
});
