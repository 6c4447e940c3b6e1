import type { ControlPlane } from "../harness/kubernetes/control_plane.ts";
import type { ConnectProxy } from "../harness/kubernetes/connect_proxy.ts";
import { freePort } from "../harness/free_port.ts";
import { until } from "../harness/until.ts";
import { Guest } from "../harness/qemu/guest.ts";
import { CONTAINERD_ROOT } from "../harness/kubernetes/containerd_store.ts";
import { makeNodeTree } from "./node_tree.ts";

/** The node's name and address, which rootfs/etc and QEMU's network give it. */
export const NODE_NAME = "talos-node";
/** See `NODE_NAME`. */
export const NODE_ADDRESS = "10.0.2.15";

/** Where kubelet serves, for logs and for commands that run in containers. */
const KUBELET_PORT = 10250;

/** Where containerd unpacks images. */
const SNAPSHOTS = `${CONTAINERD_ROOT}/io.containerd.snapshotter.v1.overlayfs/snapshots`;

/** How long kubelet may take to join, in milliseconds: 30 s here, longer on a busy machine. */
const JOIN_TIMEOUT_MS = 240_000;

/** The roles for which Talos' apid makes credentials. */
export type TalosRole = "admin" | "operator" | "reader" | "none";

/**
 * A node of a Kubernetes cluster in a virtual machine: containerd and kubelet on Debian's kernel, set
 * up as Talos does where an agent sees it, with an xfs for a user volume at /var/mnt/data and a
 * virtio-serial port for the agent. Talos' own apid runs on it when told to.
 */
export class KubernetesNode implements AsyncDisposable {
  /** The virtual machine. */
  readonly guest: Guest;
  #apids = 0;

  private constructor(guest: Guest) {
    this.guest = guest;
  }

  /**
   * Boots it and waits until it is a Ready node of the cluster. Needs root.
   *
   * @param archives OCI archives of the images that it has
   * @param proxy by which the API server finds kubelet
   * @throws {Error} if a program is missing, or the node is not Ready in time, with kubelet's log.
   */
  static async boot(
    controlPlane: ControlPlane,
    archives: readonly string[],
    proxy: ConnectProxy,
  ): Promise<KubernetesNode> {
    await using resources = new AsyncDisposableStack();
    const directory = await Deno.makeTempDir({ prefix: "node-" });
    resources.defer(() => Deno.remove(directory, { recursive: true }));
    const tree = `${directory}/tree`;
    await makeNodeTree(tree, {
      archives,
      kubeconfig: await Deno.readTextFile(controlPlane.guestKubeconfig),
    });
    const init = await Deno.readTextFile(new URL("./initramfs-init", import.meta.url));
    const guest = await Guest.boot({
      cpus: 2,
      memoryMiB: 2048,
      bootTimeoutMs: 180_000,
      modules: ["overlay", "xfs"],
      disks: [
        { sizeMiB: 2048, fileSystem: "ext4", contents: tree },
        { sizeMiB: 300, fileSystem: "xfs" },
      ],
      files: { "/init": { content: init, mode: 0o755 } },
    });
    const node = new KubernetesNode(guest);
    try {
      // As after a pull: what containerd has just unpacked is in memory, on no container's account.
      await guest.run(`cat ${SNAPSHOTS}/*/fs/qemu-ga-talos >/dev/null`, { timeoutMs: 60_000 });
      const port = freePort();
      await guest.forwardPort(port, KUBELET_PORT);
      proxy.forward(`${NODE_NAME}:${KUBELET_PORT}`, port);
      await node.#joined(controlPlane);
    } catch (error) {
      await guest[Symbol.asyncDispose]();
      throw error;
    }
    return node;
  }

  /**
   * Starts Talos' apid on the node, in place of the one that runs there, with a new authority. When it
   * has accepted a Shutdown the node is powered off.
   *
   * @returns the talosconfig for a role
   */
  async startApid(): Promise<(role: TalosRole) => Promise<string>> {
    const directory = `/run/apid-${++this.#apids}`;
    await this.guest.run(
      "for pid in $(cat /run/apid-*/pid); do while kill -KILL $pid; do usleep 50000; done; done",
    );
    await this.guest.run(`setsid act-as-talos ${directory} </dev/null >/dev/null 2>&1 &`);
    await until("Talos' apid is ready", async () => {
      const { status } = await this.guest.run(`test -e ${directory}/ready`);
      return status === 0 || undefined;
    });
    return async (role) => (await this.guest.run(`cat ${directory}/talosconfig-${role}`)).stdout;
  }

  /** Ends the virtual machine. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.guest[Symbol.asyncDispose]();
  }

  async #joined(controlPlane: ControlPlane): Promise<void> {
    const ready = async () => {
      const { stdout } = await controlPlane.tryKubectl([
        ...["get", "node", NODE_NAME, "--ignore-not-found"],
        `--output=jsonpath={.status.conditions[?(@.type=="Ready")].status}`,
      ]);
      return stdout === "True" || undefined;
    };
    try {
      await until(`node ${NODE_NAME} is Ready`, ready, JOIN_TIMEOUT_MS);
    } catch (error) {
      const log = await this.guest.run("tail -n 40 /run/containerd.log /run/kubelet.log");
      throw new Error(`the node did not join:\n${log.stdout}`, { cause: error });
    }
  }
}
