import { deepEqual, equal, match } from "node:assert/strict";
import { COMMANDS } from "../../agent/commands/all.ts";
import { startOnFixtureNode } from "../harness/fixtures/node.ts";
import { ROOT } from "../harness/qemu/freeze_guest.ts";
import { bootTalosGuest, startTalosApi } from "../harness/qemu/talos_guest.ts";
import { buildQapiClient, type Outcome, runQapiClient } from "./qapi_client.ts";

/** Came with QEMU 10.0; the crate does not know it yet. */
const NOT_IN_THE_CRATE = ["guest-get-load"];

/** What changes from one call to the next is compared by nobody. */
const STEADY = [
  "guest-info",
  "guest-get-host-name",
  "guest-get-osinfo",
  "guest-get-timezone",
  "guest-get-disks",
  "guest-get-fsinfo",
  "guest-get-vcpus",
  "guest-get-memory-blocks",
  "guest-get-memory-block-info",
  "guest-network-get-route",
];

const RUN = {
  exited: true,
  exitcode: 3,
  "out-data": btoa("from Rust"),
  "err-data": btoa("wrong\n"),
};

function errors(outcomes: readonly Outcome[]): Record<string, string> {
  return Object.fromEntries(
    outcomes.flatMap(({ command, error }) => error === undefined ? [] : [[command, error]]),
  );
}

function returned(outcomes: readonly Outcome[], command: string): unknown[] {
  return outcomes.filter((outcome) => outcome.command === command).map(({ returned }) => returned);
}

function checkFileAndProgram(outcomes: readonly Outcome[]): void {
  deepEqual(returned(outcomes, "guest-file-read"), [{
    count: 4,
    "buf-b64": new Uint8Array([1, 0xfe, 0xff, 0x0a]).toBase64(),
    eof: true,
  }]);
  const [status] = returned(outcomes, "guest-exec-status");
  // As the schema has it.
  const { "out-truncated": _out, "err-truncated": _err, ...rest } = status as typeof RUN & {
    readonly "out-truncated"?: boolean;
    readonly "err-truncated"?: boolean;
  };
  deepEqual(rest, RUN);
}

Deno.test("the Rust crate qapi: every command, by its own types", async () => {
  const program = await buildQapiClient();
  await using agent = await startOnFixtureNode("-b", "guest-set-time");
  const outcomes = await runQapiClient(program, agent.socket, "/");

  const ran = new Set(outcomes.map(({ command }) => command));
  deepEqual(
    COMMANDS.map(({ name }) => name).filter((name) => !ran.has(name)),
    NOT_IN_THE_CRATE,
  );
  const refused = errors(outcomes);
  deepEqual(Object.keys(refused).sort(), [
    "guest-get-devices",
    "guest-set-time",
    "guest-set-user-password",
    "guest-shutdown",
    "guest-ssh-add-authorized-keys",
    "guest-ssh-get-authorized-keys",
    "guest-ssh-remove-authorized-keys",
    "guest-suspend-disk",
    "guest-suspend-hybrid",
    "guest-suspend-ram",
  ]);
  match(refused["guest-set-user-password"] ?? "", /Talos has no users/);
  match(refused["guest-shutdown"] ?? "", /--talosconfig/);
  deepEqual(returned(outcomes, "guest-sync-delimited"), [-(2n ** 63n)]);
  deepEqual(returned(outcomes, "guest-set-vcpus"), [4]);
  deepEqual(returned(outcomes, "guest-fsfreeze-status"), ["thawed", "thawed"]);
  checkFileAndProgram(outcomes);
  // Nothing is lost on the way through the crate's types: they know every member but one of ours.
  await using client = await agent.client();
  await client.sync();
  for (const command of STEADY) {
    const reply = JSON.stringify(
      await client.execute(command),
      (name, value: unknown) => name === "disabled-reason" ? undefined : value,
    );
    deepEqual(returned(outcomes, command), [JSON.parse(reply)], command);
  }
  console.log(
    `qapi on a socket: ${outcomes.length} commands, ${Object.keys(refused).length} refused`,
  );
});

Deno.test("the Rust crate qapi: on a virtual machine's port", async () => {
  const program = await buildQapiClient();
  await using api = await startTalosApi();
  await using guest = await bootTalosGuest(api, {
    agentOptions: "-b guest-suspend-hybrid",
    guest: { disks: [{ sizeMiB: 16, fileSystem: "ext4" }] },
  });
  {
    await using agent = await guest.agent();
    await agent.sync({ timeoutMs: 60_000 });
  }
  const mounted = await guest.run(`mkdir -p ${ROOT}/mnt && mount -t ext4 /dev/vda ${ROOT}/mnt`);
  equal(mounted.status, 0, mounted.stderr);
  const left = COMMANDS.map(({ name }) => name)
    .filter((name) => !/^guest-(?:suspend|shutdown)/.test(name));
  const outcomes = await runQapiClient(program, guest.agentSocket, "/mnt", left);
  deepEqual(Object.keys(errors(outcomes)).sort(), [
    "guest-set-user-password",
    "guest-ssh-add-authorized-keys",
    "guest-ssh-get-authorized-keys",
    "guest-ssh-remove-authorized-keys",
  ]);
  deepEqual(returned(outcomes, "guest-fsfreeze-freeze"), [1]);
  deepEqual(returned(outcomes, "guest-fsfreeze-status"), ["thawed", "frozen"]);
  deepEqual(returned(outcomes, "guest-fsfreeze-freeze-list"), [1]);
  deepEqual(returned(outcomes, "guest-fsfreeze-thaw"), [1, 1]);
  checkFileAndProgram(outcomes);
  console.log(`qapi on a port: ${outcomes.length} commands`);
});
