import { findRealapid } from "../harness/talos/realapid.ts";
import { run } from "../harness/command.ts";
import { sharedLibraries } from "../harness/qemu/architecture.ts";
import { findProgram } from "../harness/qemu/programs.ts";
import { CONTAINERD_ROOT, makeContainerdStore } from "../harness/kubernetes/containerd_store.ts";
import { PROJECT } from "../harness/project.ts";

/** What a node's disk is to have. */
export interface NodeTreeOptions {
  /** OCI archives of the images that the node has. */
  readonly archives: readonly string[];
  /** With which kubelet finds the API server, in YAML. */
  readonly kubeconfig: string;
}

const DIRECTORIES = [
  ...["bin", "dev", "proc", "sys", "run", "tmp", "usr/bin", "opt/cni/bin"],
  ...["var/lib/kubelet", "var/log", "var/mnt/data"],
];
const PROGRAMS = ["containerd", "containerd-shim-runc-v2", "ctr", "kubelet", "runc"];

/**
 * Makes the tree that a node's disk has: busybox, containerd with the images, kubelet, and Talos' apid.
 * Needs root.
 *
 * @param tree where it is made; it must not exist
 * @throws Error when a program is missing
 */
export async function makeNodeTree(tree: string, options: NodeTreeOptions): Promise<void> {
  for (const directory of DIRECTORIES) {
    await Deno.mkdir(`${tree}/${directory}`, { recursive: true });
  }
  await run("cp", "-r", "--preserve=mode", `${beside("./rootfs/")}.`, tree);
  await copyProgram(
    tree,
    `${PROJECT}/tests/harness/qemu/rootfs/bin/control-shell`,
    "bin/control-shell",
  );
  const busybox = await findProgram("busybox");
  await copyProgram(tree, busybox, "bin/busybox");
  for (const applet of (await run(busybox, "--list")).trim().split("\n")) {
    if (applet !== "busybox") await Deno.symlink("busybox", `${tree}/bin/${applet}`);
  }
  for (const name of PROGRAMS) {
    await copyProgram(tree, await findProgram(name, "node"), `usr/bin/${name}`);
  }
  await copyProgram(tree, await findRealapid(), "usr/bin/realapid");
  await Deno.symlink("../run", `${tree}/var/run`);
  await Deno.writeTextFile(`${tree}/etc/kubernetes/kubeconfig`, options.kubeconfig);
  await makeContainerdStore(`${tree}${CONTAINERD_ROOT}`, options.archives);
}

function beside(path: string): string {
  return decodeURIComponent(new URL(path, import.meta.url).pathname);
}

async function copyProgram(tree: string, program: string, path: string): Promise<void> {
  for (const { path: library, source } of await sharedLibraries(program)) {
    await run("install", "-D", "-m", "755", source, `${tree}${library}`);
  }
  await run("install", "-D", "-m", "755", program, `${tree}/${path}`);
}
