import { run } from "../harness/command.ts";
import { fillContainerdStore } from "../harness/kubernetes/containerd_store.ts";
import { findControlPlaneProgram } from "../harness/kubernetes/control_plane.ts";
import { findProgram } from "../harness/qemu/programs.ts";
import { PROJECT } from "../harness/project.ts";
import type { Registry } from "./registry.ts";
import { ETCD_TAG, KUBERNETES_VERSION } from "./talos_version.ts";

/** What the shell on the node is called as an image. */
export const SHELL_IMAGE = "registry.example.com/shell:1";

/** What each pod of the node has for its namespaces, and nothing else runs in a pod that only is there. */
export const PAUSE_IMAGE = "registry.k8s.io/pause:3.10.1";

/** By the names that Talos has for them, in the namespaces of containerd that it looks for them in. */
const NODE_IMAGES = [
  ["system", `ghcr.io/siderolabs/kubelet:v${KUBERNETES_VERSION}`],
  ["system", `registry.k8s.io/etcd:${ETCD_TAG}`],
  ["k8s.io", `registry.k8s.io/kube-apiserver:v${KUBERNETES_VERSION}`],
  ["k8s.io", `registry.k8s.io/kube-controller-manager:v${KUBERNETES_VERSION}`],
  ["k8s.io", `registry.k8s.io/kube-scheduler:v${KUBERNETES_VERSION}`],
  ["k8s.io", PAUSE_IMAGE],
  ["k8s.io", SHELL_IMAGE],
] as const;

/** What the image of a release is called in a registry, without what stands before it. */
const AGENT_IMAGE = "qemu-guest-agent-talos";

/**
 * Fills a registry with what a control plane node runs, and with a shell.
 *
 * @param directory for the trees of the images; it exists
 * @throws Error when a program is missing
 */
export async function addNodeImages(registry: Registry, directory: string): Promise<void> {
  for (const name of ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"]) {
    const tree = await imageTree(directory, name);
    await install(await findControlPlaneProgram(name), `${tree}/usr/local/bin/${name}`);
    await registry.add({ name, tree });
  }
  const kubelet = await imageTree(directory, "kubelet");
  await install(await findProgram("kubelet", "node"), `${kubelet}/usr/local/bin/kubelet`);
  await installBusybox(kubelet, ["mount", "umount"]);
  await Deno.mkdir(`${kubelet}/var`);
  await Deno.symlink("/run", `${kubelet}/var/run`);
  await registry.add({ name: "kubelet", tree: kubelet });
  const pause = await imageTree(directory, "pause");
  await install(await findProgram("pause", "talos"), `${pause}/pause`);
  await registry.add({ name: "pause", tree: pause, config: { Entrypoint: ["/pause"] } });
  const shell = await imageTree(directory, "shell");
  const applets = await run(await findProgram("busybox"), "--list");
  await installBusybox(shell, applets.trim().split("\n").filter((name) => name !== "busybox"));
  const control = `${PROJECT}/tests/harness/qemu/rootfs/bin/control-shell`;
  await install(control, `${shell}/bin/control-shell`);
  await registry.add({ name: "shell", tree: shell, config: { Env: ["PATH=/bin"] } });
}

/**
 * Makes the store that containerd has on a node which has pulled those images before: under software emulation
 * that takes minutes. Needs root.
 *
 * @param directory where the store is made; it must not exist
 * @param state for containerd's configuration; it exists
 */
export async function makeNodeStore(
  directory: string,
  state: string,
  registry: Registry,
): Promise<void> {
  const server = `http://127.0.0.1:${registry.port}`;
  await Deno.mkdir(`${state}/hosts/_default`, { recursive: true });
  await Deno.writeTextFile(
    `${state}/hosts/_default/hosts.toml`,
    `server = "${server}"\n[host."${server}"]\ncapabilities = ["pull", "resolve"]\n`,
  );
  await fillContainerdStore(directory, async (ctr) => {
    for (const [namespace, image] of NODE_IMAGES) {
      const pull = ["images", "pull", "--hosts-dir", `${state}/hosts`, image];
      await ctr("--namespace", namespace, ...pull);
    }
  });
}

/**
 * Builds the agent's image as a release has it, and takes it into the registry.
 *
 * @param directory for the tree of the image; it exists
 */
export async function addAgentImage(registry: Registry, directory: string): Promise<void> {
  const tree = await imageTree(directory, AGENT_IMAGE);
  await run("scripts/image", "--tree", tree);
  await registry.add({ name: AGENT_IMAGE, tree, config: { Entrypoint: ["/qemu-ga-talos"] } });
}

async function imageTree(directory: string, name: string): Promise<string> {
  const tree = `${directory}/${name}`;
  await Deno.mkdir(`${tree}/tmp`, { recursive: true });
  await Deno.chmod(`${tree}/tmp`, 0o1777);
  await Deno.mkdir(`${tree}/etc`);
  await Deno.writeTextFile(`${tree}/etc/passwd`, "root:x:0:0:root:/:\nnobody:x:65534:65534::/:\n");
  return tree;
}

async function installBusybox(tree: string, applets: readonly string[]): Promise<void> {
  await install(await findProgram("busybox"), `${tree}/bin/busybox`);
  for (const applet of applets) await Deno.symlink("busybox", `${tree}/bin/${applet}`);
}

async function install(program: string, path: string): Promise<void> {
  await run("install", "-D", "-m", "755", program, path);
}
