import { run } from "../command.ts";
import { Daemon } from "../daemon.ts";
import { until } from "../until.ts";
import { findProgram } from "../qemu/programs.ts";

/** Where containerd keeps its images on the node; the store that is made here goes there. */
export const CONTAINERD_ROOT = "/var/lib/containerd";

/** What would serve kubelet looks for a network and for runc; the rest is not to be had everywhere. */
const DISABLED_PLUGINS = [
  "io.containerd.grpc.v1.cri",
  "io.containerd.cri.v1.images",
  "io.containerd.cri.v1.runtime",
  "io.containerd.snapshotter.v1.blockfile",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.erofs",
  "io.containerd.snapshotter.v1.zfs",
];

/**
 * Makes containerd's store with the given images in it, unpacked; see `fillContainerdStore`.
 *
 * @param directory where the store is made; it must not exist
 * @param archives OCI archives
 * @throws Error when containerd does not start, or an image cannot be imported
 */
export async function makeContainerdStore(
  directory: string,
  archives: readonly string[],
): Promise<void> {
  await fillContainerdStore(directory, async (ctr) => {
    for (const archive of archives) await ctr("--namespace", "k8s.io", "images", "import", archive);
  });
}

/**
 * Makes containerd's store by running containerd on this machine: on a node, under software emulation, to unpack
 * an image takes half a minute. Needs root.
 *
 * @param directory where the store is made; it must not exist
 * @param fill fills it by running ctr with the arguments that it gives
 * @throws Error when containerd does not start; what `fill` throws
 */
export async function fillContainerdStore(
  directory: string,
  fill: (ctr: (...args: readonly string[]) => Promise<unknown>) => Promise<void>,
): Promise<void> {
  const state = await Deno.makeTempDir({ prefix: "containerd-" });
  const socket = `${state}/containerd.sock`;
  try {
    await Deno.writeTextFile(
      `${state}/config.toml`,
      `version = 3
root = "${directory}"
state = "${state}/state"
disabled_plugins = ${JSON.stringify(DISABLED_PLUGINS)}
[grpc]
address = "${socket}"
[ttrpc]
address = "${socket}.ttrpc"
`,
    );
    const program = await findProgram("containerd", "node");
    const containerd = new Daemon(program, ["--config", `${state}/config.toml`], `${state}/log`);
    try {
      await until(() => `containerd serves:\n${containerd.lastLines()}`, async () => {
        containerd.checkAlive();
        return await listens(socket) || undefined;
      });
      const ctr = await findProgram("ctr", "node");
      await fill((...args) => run(ctr, "--address", socket, ...args));
    } finally {
      await containerd.stop(10_000);
    }
  } finally {
    await Deno.remove(state, { recursive: true });
  }
}

async function listens(path: string): Promise<boolean> {
  try {
    (await Deno.connect({ transport: "unix", path })).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.ConnectionRefused) {
      return false;
    }
    throw error;
  }
}
