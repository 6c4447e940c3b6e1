import { deepEqual, equal, match, ok } from "node:assert/strict";
import { type CommandResult, runCommand, succeeded } from "../harness/command.ts";
import { parseExactJson, stringifyExactJson } from "../harness/exact_json.ts";
import { startOnFixtureNode } from "../harness/fixtures/node.ts";
import { PROJECT } from "../harness/project.ts";
import type { RunningAgent } from "../harness/running_agent.ts";
import { until } from "../harness/until.ts";

/** A command as a client of QMP sends it. */
interface Command {
  readonly execute: string;
  readonly arguments?: Readonly<Record<string, unknown>>;
  readonly id?: string;
}

/** What came of a command; only the legacy interface shows ids. */
interface Reply {
  readonly return?: unknown;
  readonly error?: { readonly class: string; readonly desc: string };
  readonly id?: string;
}

/** The package's interfaces: QMPClient, and the one of the old qmp.py. */
type Interface = "asyncio" | "legacy";

const PACKAGE = await packageDirectory();

/** Where scripts/bootstrap puts the pinned version. */
async function packageDirectory(): Promise<string> {
  const versions = await Deno.readTextFile(`${PROJECT}/scripts/versions`);
  const [, version] = /^QEMU_QMP_VERSION=(.+)$/m.exec(versions) ?? [];
  if (version === undefined) throw new Error("scripts/versions has no QEMU_QMP_VERSION");
  return `${PROJECT}/.tools/python/qemu_qmp-${version}`;
}

function runClient(
  agent: RunningAgent,
  lines: readonly (Command | readonly Command[])[],
  by: Interface,
): Promise<CommandResult> {
  return runCommand("python3", [`${PROJECT}/tests/clients/qemu_qmp_client.py`, by, agent.socket], {
    env: { PYTHONPATH: PACKAGE, PYTHONDONTWRITEBYTECODE: "1" },
    stdin: lines.map((line) => `${stringifyExactJson(line)}\n`).join(""),
  });
}

/**
 * The replies to these commands on one connection; those in a list are under way at the same time. The package
 * warns of each message that it cannot make out, and of ids that it does not know: it must have no reason to.
 */
async function converse(
  agent: RunningAgent,
  lines: readonly (Command | readonly Command[])[],
  by: Interface = "asyncio",
): Promise<Reply[]> {
  const { stdout, stderr } = succeeded("the client", await runClient(agent, lines, by));
  equal(stderr, "");
  const replies = stdout.trimEnd().split("\n");
  equal(replies.length, lines.flat().length);
  // The client prints nothing else.
  return replies.map((reply) => parseExactJson(reply) as Reply);
}

/** What one command, which must succeed, returns. */
async function execute(
  agent: RunningAgent,
  command: string,
  args: Readonly<Record<string, unknown>> = {},
): Promise<unknown> {
  const [reply] = await converse(agent, [{ execute: command, arguments: args }]);
  equal(reply?.error, undefined, command);
  return reply?.return;
}

/** Those of the commands that change nothing and need no arguments. */
const READING = /^guest-(?:ping|info|get-.*|network-get-.*|fsfreeze-status)$/;

/** Whose replies are other ones a moment later. */
const CHANGING = [
  "guest-get-time",
  "guest-get-cpustats",
  "guest-get-diskstats",
  "guest-get-load",
  "guest-network-get-interfaces",
  "guest-network-get-route",
];

/** What those that are enabled return, by name, without the package. The agent serves one client at a time. */
async function readEverything(agent: RunningAgent): Promise<Map<string, unknown>> {
  await using client = await agent.client();
  const info = await client.execute("guest-info") as {
    readonly supported_commands: readonly { readonly name: string; readonly enabled: boolean }[];
  };
  const returned = new Map<string, unknown>();
  for (const { name, enabled } of info.supported_commands) {
    if (enabled && READING.test(name)) returned.set(name, await client.execute(name));
  }
  return returned;
}

for (const by of ["asyncio", "legacy"] as const) {
  Deno.test(`every command that reads returns what the agent says, by ${by}`, async () => {
    await using agent = await startOnFixtureNode();
    const expected = await readEverything(agent);
    const names = [...expected.keys()];
    ok(names.length >= 18, `${names}`);
    const replies = await converse(agent, names.map((execute) => ({ execute })), by);
    for (const [index, name] of names.entries()) {
      const reply = replies[index];
      equal(reply?.error, undefined, name);
      if (CHANGING.includes(name)) equal(typeof reply?.return, typeof expected.get(name), name);
      else deepEqual(reply?.return, expected.get(name), name);
    }
    // Nanoseconds with all their digits.
    equal(typeof replies[names.indexOf("guest-get-time")]?.return, "bigint");
  });
}

Deno.test("an error has its class and description, and the connection goes on", async () => {
  await using agent = await startOnFixtureNode();
  const lines: Command[] = [
    { execute: "guest-nonsense" },
    { execute: "guest-exec", arguments: { path: "true" } },
    { execute: "guest-suspend-ram" },
    { execute: "guest-get-vcpus", arguments: { nonsense: 1 } },
    { execute: "guest-ping" },
  ];
  for (const by of ["asyncio", "legacy"] as const) {
    const replies = await converse(agent, lines, by);
    deepEqual(replies.map(({ error }) => error?.class), [
      ...["CommandNotFound", "CommandNotFound", "GenericError", "GenericError"],
      undefined,
    ]);
    match(replies[0]?.error?.desc ?? "", /guest-nonsense has not been found/);
    match(replies[1]?.error?.desc ?? "", /may not run programs/);
    match(replies[2]?.error?.desc ?? "", /mode is not supported by the guest/);
    match(replies[3]?.error?.desc ?? "", /nonsense/);
    deepEqual(replies[4]?.return, {});
  }
});

Deno.test("commands that are under way at the same time get their own replies, by the id", async () => {
  await using agent = await startOnFixtureNode();
  const count = 50;
  const commands = Array.from({ length: count }, (_, index): Command[] => [
    { execute: "guest-sync", arguments: { id: 2n ** 62n + BigInt(index) } },
    { execute: "guest-get-memory-block-info" },
    { execute: `guest-nonsense-${index}` },
  ]).flat();
  const replies = await converse(agent, [commands]);
  for (let index = 0; index < count; index++) {
    const [sync, size, nonsense] = replies.slice(3 * index);
    equal(sync?.return, 2n ** 62n + BigInt(index));
    deepEqual(size?.return, { size: 0x8000000 });
    match(nonsense?.error?.desc ?? "", new RegExp(`guest-nonsense-${index} has`));
  }
});

Deno.test("an id comes back as it was sent, in a return and in an error", async () => {
  await using agent = await startOnFixtureNode();
  const ids = ["1", "", 'a "quoted" id', "Zürich \u{1f512}", "x".repeat(1000)];
  const lines = ids.flatMap((id): Command[] => [
    { execute: "guest-ping", id },
    { execute: "guest-nonsense", id },
  ]);
  const replies = await converse(agent, [...lines, { execute: "guest-ping" }], "legacy");
  deepEqual(replies.map(({ id }) => id), [...ids.flatMap((id) => [id, id]), undefined]);
});

Deno.test("a file is written and read", async () => {
  await using agent = await startOnFixtureNode("-b", "");
  const content = crypto.getRandomValues(new Uint8Array(50_000));
  const written = await execute(agent, "guest-file-open", { path: "/etc/written", mode: "w" });
  const [write, flush, closed] = await converse(agent, [
    {
      execute: "guest-file-write",
      arguments: { handle: written, "buf-b64": content.toBase64() },
    },
    { execute: "guest-file-flush", arguments: { handle: written } },
    { execute: "guest-file-close", arguments: { handle: written } },
  ]);
  deepEqual(write?.return, { count: content.length, eof: false });
  deepEqual([flush?.return, closed?.return], [{}, {}]);
  deepEqual(await Deno.readFile(`${agent.directory}/root/etc/written`), content);

  const handle = await execute(agent, "guest-file-open", { path: "/etc/written" });
  const [sought, read, rest, gone] = await converse(agent, [
    { execute: "guest-file-seek", arguments: { handle, offset: 10, whence: "set" } },
    { execute: "guest-file-read", arguments: { handle, count: 100_000 } },
    { execute: "guest-file-read", arguments: { handle } },
    { execute: "guest-file-close", arguments: { handle } },
  ]);
  deepEqual(sought?.return, { position: 10, eof: false });
  const { "buf-b64": base64, count } = read?.return as { "buf-b64": string; count: number };
  equal(count, content.length - 10);
  deepEqual(Uint8Array.fromBase64(base64), content.subarray(10));
  deepEqual(rest?.return, { "buf-b64": "", count: 0, eof: true });
  deepEqual(gone?.return, {});
});

Deno.test("a program is run", async () => {
  await using agent = await startOnFixtureNode("-b", "");
  const started = await execute(agent, "guest-exec", {
    path: "sh",
    arg: ["-c", "cat; echo e >&2; exit 3"],
    "input-data": btoa("from QEMU"),
    "capture-output": true,
  });
  // `{pid}`, which is just what the next command takes.
  const args = started as { readonly pid: number };
  const status = await until("the program ends", async () => {
    const found = await execute(agent, "guest-exec-status", args) as { readonly exited: boolean };
    return found.exited ? found : undefined;
  });
  deepEqual(status, {
    exited: true,
    exitcode: 3,
    "out-data": btoa("from QEMU"),
    "out-truncated": false,
    "err-data": btoa("e\n"),
    "err-truncated": false,
  });
});

Deno.test("a freeze is undone", async () => {
  await using agent = await startOnFixtureNode();
  const replies = await converse(agent, [
    { execute: "guest-fsfreeze-status" },
    { execute: "guest-fsfreeze-freeze" },
    { execute: "guest-fsfreeze-thaw" },
    { execute: "guest-fsfreeze-freeze-list", arguments: { mountpoints: ["/var"] } },
    { execute: "guest-fsfreeze-thaw" },
    { execute: "guest-fsfreeze-status" },
  ]);
  deepEqual(replies.map((reply) => reply.return), ["thawed", 0, 0, 0, 0, "thawed"]);
});
