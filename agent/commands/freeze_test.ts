import assert from "node:assert/strict";
import { FreezeError } from "../freeze/file_system_set.ts";
import { Dispatcher } from "../protocol/dispatcher.ts";
import { Policy } from "../protocol/policy.ts";
import { publishNothing } from "../activity/activity.ts";
import { FixtureHost } from "../../tests/harness/fixtures/host.ts";
import { LogRecorder } from "../../tests/harness/log_recorder.ts";
import { COMMANDS } from "./all.ts";
import type { CommandContext } from "./context.ts";
import { replyBytes } from "../../tests/harness/reply_bytes.ts";

type FreezerOfTest = {
  -readonly [Name in keyof CommandContext["freezer"]]: CommandContext["freezer"][Name];
};

class Agent implements AsyncDisposable {
  readonly #host: FixtureHost;
  readonly asked: unknown[] = [];
  readonly freezer: FreezerOfTest = {
    state: "thawed",
    freeze: (mountPoints) => {
      this.asked.push(mountPoints);
      return Promise.resolve(2);
    },
    thaw: (reason) => {
      this.asked.push(reason);
      return Promise.resolve(3);
    },
  };
  readonly #dispatcher: Dispatcher<CommandContext>;

  private constructor(host: FixtureHost, block: readonly string[]) {
    this.#host = host;
    const isFrozen = () => this.freezer.state !== "thawed";
    const policy = new Policy({ allow: undefined, block }, { isFrozen });
    this.#dispatcher = new Dispatcher(
      COMMANDS,
      policy,
      {
        ...host.context,
        commandStates: () => this.#dispatcher.commandStates(),
        power: { request: () => Promise.resolve() },
        freezer: this.freezer,
        trim: (minimum) =>
          Promise.resolve([
            { mountPoint: "/var", outcome: { trimmed: 2n ** 63n, minimum } },
            { mountPoint: "/", outcome: { error: "trim not supported" } },
          ]),
      },
      new LogRecorder(),
      publishNothing,
    );
  }

  static async start(block: readonly string[] = []): Promise<Agent> {
    return new Agent(await FixtureHost.create(), block);
  }

  async call(execute: string, members: Record<string, string | bigint | string[]> = {}) {
    const request = this.#dispatcher.parse({ value: { execute, arguments: members } });
    const reply = await this.#dispatcher.dispatch(request);
    return new TextDecoder().decode(await replyBytes(reply)).replace("\ufffd", "");
  }

  /** The names of the commands that guest-info calls enabled. */
  enabled(): string[] {
    return this.#dispatcher.commandStates().filter(({ disabledReason }) =>
      disabledReason === undefined
    )
      .map(({ name }) => name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#host[Symbol.asyncDispose]();
  }
}

Deno.test("freeze, freeze-list and thaw answer with the number of file systems", async () => {
  await using agent = await Agent.start();
  assert.equal(await agent.call("guest-fsfreeze-freeze"), '{"return": 2}\n');
  assert.equal(await agent.call("guest-fsfreeze-freeze-list"), '{"return": 2}\n');
  const list = { mountpoints: ["/var"] };
  assert.equal(await agent.call("guest-fsfreeze-freeze-list", list), '{"return": 2}\n');
  assert.equal(await agent.call("guest-fsfreeze-thaw"), '{"return": 3}\n');
  assert.deepEqual(agent.asked, [undefined, undefined, ["/var"], "command"]);
  agent.freezer.freeze = () => Promise.reject(new FreezeError("failed to freeze /var: I/O"));
  assert.equal(
    await agent.call("guest-fsfreeze-freeze"),
    '{"error": {"class": "GenericError", "desc": "failed to freeze /var: I/O"}}\n',
  );
});

Deno.test("the status is frozen from the beginning of a freeze to the end of its thaw", async () => {
  await using agent = await Agent.start();
  for (const state of ["thawed", "freezing", "frozen", "thawing"] as const) {
    agent.freezer.state = state;
    const expected = state === "thawed" ? "thawed" : "frozen";
    assert.equal(await agent.call("guest-fsfreeze-status"), `{"return": "${expected}"}\n`);
  }
});

Deno.test("while frozen only a few commands run, blocked ones of them too", async () => {
  await using agent = await Agent.start(["guest-ping", "guest-fsfreeze-thaw", "guest-shutdown"]);
  agent.freezer.state = "frozen";
  assert.deepEqual(agent.enabled(), [
    "guest-sync",
    "guest-sync-delimited",
    "guest-ping",
    "guest-info",
    "guest-fsfreeze-status",
    "guest-fsfreeze-thaw",
  ]);
  const disabled = "has been disabled: the agent is in frozen state";
  for (const name of ["guest-fsfreeze-freeze", "guest-fstrim", "guest-get-time"]) {
    assert.equal(
      await agent.call(name),
      `{"error": {"class": "CommandNotFound", "desc": "Command ${name} ${disabled}"}}\n`,
    );
  }
  await using open = await Agent.start();
  open.freezer.state = "frozen";
  assert.equal(open.enabled().includes("guest-shutdown"), true);
});

Deno.test("guest-fstrim tells bytes or an error for each file system", async () => {
  await using agent = await Agent.start();
  const reply = (minimum: string) =>
    `{"return": {"paths": [{"path": "/var", "trimmed": 9223372036854775808, "minimum": ${minimum}}, ` +
    '{"path": "/", "error": "trim not supported"}]}}\n';
  assert.equal(await agent.call("guest-fstrim"), reply("0"));
  assert.equal(await agent.call("guest-fstrim", { minimum: 4096n }), reply("4096"));
  assert.equal(await agent.call("guest-fstrim", { minimum: -1n }), reply("18446744073709551615"));
});
