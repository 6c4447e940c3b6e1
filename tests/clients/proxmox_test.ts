import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import { FakeTalosApi } from "../harness/talos/fake_talos_api_process.ts";
import { exists } from "../harness/running_agent.ts";
import { startOnFixtureNode } from "../harness/fixtures/node.ts";
import { FILE_READ_LIMIT, fileRead, fileWrite, wrapped } from "./proxmox_agent_api.ts";
import { matchReply, ProxmoxClient } from "./proxmox_client.ts";

const SYNC = '\xff{"return": 5}\n';

Deno.test("the client's rule for replies", () => {
  deepEqual(matchReply(`stale}\n${SYNC}{"return": {}}\n`, 5n), { return: {} });
  equal(matchReply(`${SYNC}{"return": {}}`, 5n), undefined);
  equal(matchReply(`${SYNC}{"return":\n{}}\n`, 5n), undefined);
  equal(matchReply('{"return": 5}\n{"return": {}}', 5n), undefined);
  equal(matchReply(`${SYNC}{"return": {}}\n`, 6n), undefined);
  // The agent's complaint of garbage between them would be taken for the reply.
  equal(matchReply(`${SYNC}{"error": {}}\n{"return": {}}\n`, 5n), undefined);
});

/** What of the commands that Proxmox VE passes on can be run here, with their arguments. */
const PASSED_ON = [
  "ping",
  "get-time",
  "info",
  "fsfreeze-status",
  "fstrim",
  "network-get-interfaces",
  "get-vcpus",
  "get-fsinfo",
  "get-memory-blocks",
  "get-memory-block-info",
  "get-host-name",
  "get-osinfo",
  "get-users",
  "get-timezone",
];

Deno.test("every command of the API's list is answered so that Proxmox VE understands it", async () => {
  await using agent = await startOnFixtureNode();
  const proxmox = new ProxmoxClient(agent.socket);
  const replies = new Map<string, unknown>();
  for (const name of PASSED_ON) {
    replies.set(name, await proxmox.execute(`guest-${name}`));
  }
  deepEqual(replies.get("ping"), {});
  equal(replies.get("fsfreeze-status"), "thawed");
  deepEqual(replies.get("fstrim"), { paths: [] });
  deepEqual(replies.get("get-memory-block-info"), { size: 0x8000000 });
  deepEqual(replies.get("get-memory-blocks"), [
    { "phys-index": 0, online: true, "can-offline": true },
  ]);
  const milliseconds = Number(replies.get("get-time")) / 1e6;
  ok(Math.abs(milliseconds - Date.now()) < 60_000);
  deepEqual((replies.get("get-osinfo") as Record<string, string>)["id"], "talos");
});

Deno.test("what Talos does not have is refused with a reason", async () => {
  await using agent = await startOnFixtureNode();
  const proxmox = new ProxmoxClient(agent.socket);
  const password = { username: "root", password: wrapped("secret"), crypted: false };
  const cases: [string, Record<string, unknown>, string, RegExp][] = [
    ["guest-set-user-password", password, "CommandNotFound", /Talos has no users/],
    ["guest-suspend-disk", {}, "GenericError", /mode is not supported by the guest/],
    ["guest-suspend-ram", {}, "GenericError", /mode is not supported by the guest/],
    ["guest-suspend-hybrid", {}, "GenericError", /mode is not supported by the guest/],
    ["guest-exec", { path: "true" }, "CommandNotFound", /may not run programs/],
    ["guest-file-open", { path: "/etc/os-release" }, "CommandNotFound", /files are closed/],
    ["guest-shutdown", { mode: "powerdown" }, "CommandNotFound", /--talosconfig/],
    ["guest-nonsense", {}, "CommandNotFound", /has not been found/],
  ];
  for (const [command, args, errorClass, description] of cases) {
    const reply = await proxmox.command(command, args);
    equal(reply?.error?.class, errorClass, command);
    match(reply?.error?.desc ?? "", description);
  }
});

Deno.test("a client that gave up leaves nothing behind that the next one could mistake", async () => {
  await using agent = await startOnFixtureNode();
  const proxmox = new ProxmoxClient(agent.socket);
  for (let count = 0; count < 20; count++) {
    {
      await using gone = await agent.client();
      const half = count % 2 === 0 ? "" : '{"execute":"guest-in';
      await gone.send(`{"execute":"guest-info","arguments":{}}\n${half}`);
    }
    deepEqual(await proxmox.execute("guest-ping"), {});
  }
});

Deno.test("the synchronisation works whatever may run", async () => {
  await using agent = await startOnFixtureNode("-a", "guest-get-host-name", "-b", "guest-sync");
  const proxmox = new ProxmoxClient(agent.socket);
  equal(typeof await proxmox.execute("guest-get-host-name"), "object");
  match((await proxmox.command("guest-get-time"))?.error?.desc ?? "", /has been disabled/);
});

Deno.test("a backup freezes and thaws", async () => {
  await using agent = await startOnFixtureNode();
  const proxmox = new ProxmoxClient(agent.socket);
  deepEqual(await proxmox.execute("guest-ping"), {});
  equal(await proxmox.execute("guest-fsfreeze-status"), "thawed");
  equal(await proxmox.execute("guest-fsfreeze-freeze"), 0);
  // With nothing to freeze the agent is not frozen; a freeze of something is the VM tests' affair.
  for (let round = 0; round < 5; round++) {
    equal(await proxmox.execute("guest-fsfreeze-status"), "thawed");
  }
  equal(await proxmox.execute("guest-fsfreeze-thaw"), 0);
  equal(await proxmox.execute("guest-fsfreeze-status"), "thawed");
});

const MEBIBYTE = 1024 * 1024;

/** Writes a file, all of which must be written. */
async function writeAll(proxmox: ProxmoxClient, file: string, content: string): Promise<void> {
  const written = await fileWrite(proxmox, file, wrapped(content));
  deepEqual(written, { count: content.length, eof: false });
}

Deno.test("files are written, and read in pieces", async () => {
  await using agent = await startOnFixtureNode("-b", "");
  const proxmox = new ProxmoxClient(agent.socket);
  const text = "Sixty kibibytes at most, in lines.\n".repeat(1700);
  await writeAll(proxmox, "/etc/written", text);
  equal(await Deno.readTextFile(`${agent.directory}/root/etc/written`), text);
  equal(new TextDecoder().decode((await fileRead(proxmox, "/etc/written")).content), text);
  await writeAll(proxmox, "/etc/written", "");
  equal((await fileRead(proxmox, "/etc/written")).content.length, 0);

  const random = new Uint8Array(3 * MEBIBYTE + 5);
  for (let at = 0; at < random.length; at += 65536) {
    crypto.getRandomValues(random.subarray(at, at + 65536));
  }
  await Deno.writeFile(`${agent.directory}/root/big`, random);
  deepEqual(await fileRead(proxmox, "/big"), { content: random, truncated: false });
  deepEqual((await fileRead(proxmox, "/big", { offset: 7 })).content, random.subarray(7));
  await Deno.truncate(`${agent.directory}/root/big`, 17 * MEBIBYTE);
  const { content, truncated } = await fileRead(proxmox, "/big");
  deepEqual([content.length, truncated], [FILE_READ_LIMIT, true]);
  await rejects(fileRead(proxmox, "/no/such"), /failed to open file '\/no\/such' \(mode: 'r'\)/);
});

/** What `qm guest exec` prints. */
interface ExecStatus {
  readonly exited: boolean;
  readonly exitcode?: number;
  readonly "out-data"?: string;
  readonly "err-data"?: string;
}

/** As `qm guest exec` runs a program, which asks each second; here it asks at once. */
async function guestExec(
  proxmox: ProxmoxClient,
  [path = "", ...arg]: readonly string[],
  input?: string,
): Promise<ExecStatus> {
  const started = await proxmox.execute("guest-exec", {
    path,
    arg,
    "capture-output": true,
    ...(input === undefined ? {} : { "input-data": btoa(input) }),
  });
  for (;;) {
    // `{pid}` is just what the next command takes; its reply is as the schema has it.
    const { pid } = started as { readonly pid: number };
    const status = await proxmox.execute("guest-exec-status", { pid }) as ExecStatus;
    if (status.exited) return status;
  }
}

Deno.test("programs are run, with input and without", async () => {
  await using agent = await startOnFixtureNode("-b", "");
  const proxmox = new ProxmoxClient(agent.socket);
  const status = await guestExec(proxmox, ["sh", "-c", "cat; echo e >&2; exit 3"], "from Proxmox");
  equal(status.exitcode, 3);
  equal(atob(status["out-data"] ?? ""), "from Proxmox");
  equal(atob(status["err-data"] ?? ""), "e\n");
  deepEqual(await guestExec(proxmox, ["true"]), { exited: true, exitcode: 0 });
  await rejects(guestExec(proxmox, ["/no/such"]), /No such file or directory/);
});

Deno.test("the stop task: no reply to a shutdown that Talos accepts, but the connection's end", async () => {
  await using api = await FakeTalosApi.start();
  const directory = await Deno.makeTempDir();
  const talosconfig = `${directory}/talosconfig`;
  await Deno.writeTextFile(talosconfig, await api.talosconfig());
  await using agent = await startOnFixtureNode(
    ...["--talosconfig", talosconfig, "--talos-endpoint", api.endpoint],
  );
  const proxmox = new ProxmoxClient(agent.socket);
  await api.fault({ fault: "status", code: 9, message: "not in container mode", times: 1 });
  match((await proxmox.command("guest-shutdown"))?.error?.desc ?? "", /FAILED_PRECONDITION/);
  const before = api.calls.all.length;
  const stopped = proxmox.command("guest-shutdown", { mode: "powerdown" });
  const calls = await api.calls.waitFor(before + 1, 10_000);
  equal(calls.at(-1)?.method, "Shutdown");
  // The machine goes off, and takes the agent with it.
  await agent.stop("SIGTERM");
  equal(await stopped, undefined);
  equal(exists(agent.socket), false);
  await Deno.remove(directory, { recursive: true });
});
