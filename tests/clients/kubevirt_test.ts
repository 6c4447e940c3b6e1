import { deepEqual, equal, match, ok } from "node:assert/strict";
import { startOnFixtureNode } from "../harness/fixtures/node.ts";
import { LibvirtClient } from "./libvirt_client.ts";

/** Without these, enabled, KubeVirt calls an agent unsupported. */
const REQUIRED = [
  "guest-ping",
  "guest-get-time",
  "guest-info",
  "guest-shutdown",
  "guest-network-get-interfaces",
  "guest-get-fsinfo",
  "guest-get-host-name",
  "guest-get-users",
  "guest-get-timezone",
  "guest-get-osinfo",
];

/** What it asks for by and by, itself and through libvirt's virDomainGetGuestInfo. */
const POLLED = [
  "guest-info",
  "guest-get-fsinfo",
  "guest-fsfreeze-status",
  "guest-network-get-interfaces",
  "guest-get-osinfo",
  "guest-get-host-name",
  "guest-get-timezone",
  "guest-get-users",
];

/** A raw command by way of libvirt; KubeVirt takes nothing but a line that returns something. */
async function raw(
  libvirt: LibvirtClient,
  command: string,
  args?: Readonly<Record<string, unknown>>,
): Promise<unknown> {
  const line = await libvirt.executeRaw(command, args);
  match(line, /^\{"return": .*\}$/);
  // As the pattern has it.
  return (JSON.parse(line) as { readonly return: unknown }).return;
}

Deno.test("the agent counts as supported", async () => {
  // Without credentials guest-shutdown is disabled, and then it does not.
  await using agent = await startOnFixtureNode("--talosconfig", "/nonexistent");
  await using libvirt = await LibvirtClient.connect(agent.socket);
  const info = await raw(libvirt, "guest-info") as {
    readonly version: string;
    readonly supported_commands: readonly { name: string; enabled: boolean }[];
  };
  match(info.version, /^\d+\.\d+\.\d+/);
  const enabled = info.supported_commands.filter((command) => command.enabled)
    .map(({ name }) => name);
  deepEqual(REQUIRED.filter((name) => !enabled.includes(name)), []);
  // No passwords, keys and probes on Talos, and KubeVirt is told so.
  for (const name of ["guest-set-user-password", "guest-ssh-add-authorized-keys", "guest-exec"]) {
    equal(enabled.includes(name), false, name);
  }
});

Deno.test("it polls, again and again", async () => {
  await using agent = await startOnFixtureNode();
  await using libvirt = await LibvirtClient.connect(agent.socket);
  for (let round = 0; round < 20; round++) {
    for (const command of POLLED) await raw(libvirt, command);
  }
});

Deno.test("sizes of file systems are integers", async () => {
  // Those of this machine, by an agent that can do nothing but tell.
  await using agent = await startOnFixtureNode("--path-rootfs", "/", "-a", "guest-get-fsinfo");
  await using libvirt = await LibvirtClient.connect(agent.socket);
  const line = await libvirt.executeRaw("guest-get-fsinfo");
  const sizes = [...line.matchAll(/"(used|total)-bytes": ([^,}]*)/g)];
  for (const [, , size] of sizes) match(size ?? "", /^\d+$/);
  equal(sizes.length, 2 * [...line.matchAll(/"mountpoint"/g)].length);
});

Deno.test("a freeze asks for the state first, and an unfreeze only where something is frozen", async () => {
  await using agent = await startOnFixtureNode();
  await using libvirt = await LibvirtClient.connect(agent.socket);
  equal(await raw(libvirt, "guest-fsfreeze-status"), "thawed");
  equal(await raw(libvirt, "guest-fsfreeze-freeze"), 0);
  if (await raw(libvirt, "guest-fsfreeze-status") === "frozen") {
    await raw(libvirt, "guest-fsfreeze-thaw");
  }
  equal(await raw(libvirt, "guest-fsfreeze-status"), "thawed");
});

Deno.test("a probe that runs a program, once that is allowed", async () => {
  await using agent = await startOnFixtureNode("-b", "");
  await using libvirt = await LibvirtClient.connect(agent.socket);
  const program = { path: "sh", arg: ["-c", "echo ready; exit 4"], "capture-output": true };
  // `{pid}`, which is just what the next command takes.
  const started = await raw(libvirt, "guest-exec", program) as { readonly pid: number };
  ok(started.pid > 0);
  type Status = {
    readonly exited: boolean;
    readonly exitcode: number;
    readonly "out-data": string;
  };
  let status: Status;
  do {
    status = await raw(libvirt, "guest-exec-status", started) as Status;
  } while (!status.exited);
  deepEqual([status.exitcode, atob(status["out-data"])], [4, "ready\n"]);
});
