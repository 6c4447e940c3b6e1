import { plant } from "../../agent/testing/fixture_tree.ts";
import { sysfsDisks } from "../../agent/testing/sysfs_disks.ts";
import { RunningAgent } from "../executable/running_agent.ts";

/** A disk with a partition, processors of which all but the first can go off line, and memory. */
const SYSFS = {
  ...sysfsDisks([{
    path: "pci0000:00/0000:00:05.0/virtio1/block/vda",
    number: "254:0",
    partitions: ["vda1"],
    slaves: [],
    attributes: { serial: "root-disk\n" },
  }], { "pci0000:00/0000:00:05.0": "virtio-pci" }),
  "devices/system/cpu/cpu0/": "",
  "devices/system/cpu/cpu1/online": "1\n",
  "devices/system/cpu/cpu2/online": "0\n",
  "devices/system/cpu/cpu3/online": "1\n",
  "devices/system/memory/block_size_bytes": "8000000\n",
  "devices/system/memory/memory0/state": "online\n",
  "devices/system/memory/memory0/removable": "1\n",
  "class/net": "->/sys/class/net",
};

const OS_RELEASE = `NAME="Talos"
ID=talos
VERSION_ID=v1.11.3
PRETTY_NAME="Talos (v1.11.3)"
`;

/**
 * Starts the compiled agent on a made-up node, in `root` and `sys` of its directory: nothing that a
 * client can ask for reaches this machine. No file system is mounted there, so a freeze, which is
 * allowed to be empty, covers none. Programs that a client runs are this machine's.
 */
export async function startOnFixtureNode(...options: string[]): Promise<RunningAgent> {
  const directory = await Deno.makeTempDir({ prefix: "node-" });
  await plant(`${directory}/sys`, SYSFS);
  await plant(`${directory}/root`, { "etc/os-release": OS_RELEASE });
  const trees = ["--path-rootfs", `${directory}/root`, "--path-sysfs", `${directory}/sys`];
  return await RunningAgent.startIn(directory, [
    ...["-t", directory, ...trees, "--fsfreeze-allow-empty"],
    ...options,
  ]);
}
