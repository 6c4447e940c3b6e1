// Prints what `qemu-ga-talos check` says in a virtual machine that is set up as a node is, but for one
// mistake: the host's / is mounted without propagation. scripts/pictures records it.

import { findProgram } from "../../tests/harness/qemu/programs.ts";
import { bootTalosGuest, startTalosApi } from "../../tests/harness/qemu/talos_guest.ts";

/** The VM is emulated. */
const SLOW = { timeoutMs: 180_000 };
const CONFIG = "/etc/qemu-guest-agent-talos/qga.yaml";
const STATE_DIRECTORY = "/run/qemu-guest-agent-talos";
const LISTEN_ADDRESS = "127.0.0.1:9777";
/** What Talos would have mounted, the version that the Talos API says, too, and the guard. */
const SET_UP = [
  "sed -i 's/v1.11.3/v1.13.0/' /host/root/etc/os-release",
  `mkdir ${STATE_DIRECTORY} /host/root/var`,
  "mount -t ext4 /dev/vda /host/root/var",
  `{ setsid qemu-ga-talos guard --config ${CONFIG} </dev/null >/run/guard.log 2>&1 & }`,
  "until grep -q 'guard started' /run/guard.log; do usleep 50000; done",
  `until wget -qO /dev/null http://${LISTEN_ADDRESS}/readyz; do usleep 50000; done`,
].join(" && ");

await using api = await startTalosApi();
await using guest = await bootTalosGuest(api, {
  // The environment of an agent in the VM says that it is not to listen.
  agentOptions: `--config ${CONFIG} --listen-address ${LISTEN_ADDRESS}`,
  guest: {
    disks: [{ sizeMiB: 64, fileSystem: "ext4" }],
    // It has a terminal, so that the lines are coloured.
    programs: { "/bin/script": await findProgram("script", "pictures") },
    files: {
      [CONFIG]: [
        "talosconfig: /var/run/secrets/talos.dev",
        `talos-endpoint: 10.0.2.2:${api.port}`,
        `statedir: ${STATE_DIRECTORY}`,
        `listen-address: ${LISTEN_ADDRESS}`,
        "",
      ].join("\n"),
    },
  },
});
{
  await using agent = await guest.agent();
  await agent.sync(SLOW);
}
const setUp = await guest.run(SET_UP, SLOW);
if (setUp.status !== 0) throw new Error(`the VM could not be set up: ${setUp.stderr}`);
// The shell prints the command, too.
const command = `PS4='$ '; set -x; qemu-ga-talos check --config ${CONFIG}`;
const { status, stdout, stderr } = await guest.run(
  `script --quiet --return --command "${command}" /dev/null`,
  SLOW,
);
if (status !== 2) throw new Error(`check ends with status ${status}: ${stdout}${stderr}`);
await Deno.stdout.write(new TextEncoder().encode(stdout));
Deno.exit(0);
