import { createHash } from "node:crypto";
import { findControlPlaneProgram } from "../harness/kubernetes/control_plane.ts";
import { run } from "../harness/command.ts";
import { findProgram, isFile } from "../harness/qemu/programs.ts";
import { PROJECT } from "../harness/project.ts";
import { addNodeImages, makeNodeStore, SHELL_IMAGE } from "./images.ts";
import { writeTalosInitramfs } from "./initramfs.ts";
import { writeMachineConfiguration } from "./machine_configuration.ts";
import { Registry } from "./registry.ts";
import { makeDataDisk, makeSystemDisk } from "./system_disk.ts";
import { MachinePanic, TalosCluster } from "./talos_cluster.ts";
import { findTalosKernel, findTalosProgram, TALOS_FILES } from "./talos_files.ts";
import { TalosMachine } from "./talos_machine.ts";
import { TALOS_VERSION } from "./talos_version.ts";

const CACHE = `${PROJECT}/.cache/talos/${TALOS_VERSION}`;
/** The node is Ready in it, and nothing is installed. */
const READY = "ready";
/** An empty file in the cache, once all others are there. */
const COMPLETE = "complete";
/** How often a machine is booted whose kernel gives up. */
const BOOTS = 3;

/** What goes into the machine besides the files of this directory that say how. */
const PROGRAMS = [
  ..."pause cni-bridge cni-host-local cni-loopback containerd containerd-shim-runc-v2".split(" "),
  ..."kubelet runc lvm dmsetup cryptsetup udevadm busybox".split(" "),
];
const TALOS_PROGRAMS = ["machined", "talos-init", "talosctl"] as const;
const CONTROL_PLANE = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"];
/** How the machine and the cluster on it are made; `talos_cluster` alone changes nothing of it. */
const SOURCES = [
  ..."images initramfs machine_configuration machine_patches root_file_system".split(" "),
  ..."system_disk talos_machine talos_version".split(" "),
];

/** By which commands run on the node, also while a file system is frozen, in all of its namespaces that matter. */
const SHELL = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "shell", namespace: "kube-system" },
  spec: {
    hostPID: true,
    hostNetwork: true,
    tolerations: [{ operator: "Exists" }],
    terminationGracePeriodSeconds: 1,
    containers: [{
      name: "shell",
      image: SHELL_IMAGE,
      command: ["control-shell"],
      securityContext: { privileged: true },
      volumeMounts: ["var", "run", "dev"].map((name) => ({
        name,
        mountPath: `/${name}`,
        mountPropagation: "HostToContainer",
      })),
    }],
    volumes: ["var", "run", "dev"].map((name) => ({ name, hostPath: { path: `/${name}` } })),
  },
};

/**
 * A node with Talos that is Ready, one control plane node with Kubernetes on it. Its first boot takes minutes; it is
 * kept in .cache, and continues from there in seconds as long as nothing changes that went into it.
 */
export class TalosNode implements AsyncDisposable {
  /** What the machine pulls from. */
  readonly registry: Registry;
  /** The directory where it is kept from one run to the next. */
  readonly cache: string;
  readonly #directory: string;
  readonly #resources: AsyncDisposableStack;

  private constructor(
    cache: string,
    directory: string,
    registry: Registry,
    resources: AsyncDisposableStack,
  ) {
    this.cache = cache;
    this.#directory = directory;
    this.registry = registry;
    this.#resources = resources;
  }

  /**
   * Boots it, unless it is in the cache.
   *
   * @param say is told what is done, and after how many seconds
   * @throws {Error} if a program is missing, or the node does not get Ready
   */
  static async prepare(say: (what: string) => void): Promise<TalosNode> {
    await using resources = new AsyncDisposableStack();
    const cache = `${CACHE}/${await cacheKey()}`;
    const directory = await Deno.makeTempDir({ prefix: "talos-" });
    resources.defer(() => Deno.remove(directory, { recursive: true }));
    const registry = resources.use(new Registry(directory));
    const node = new TalosNode(cache, directory, registry, resources.move());
    try {
      if (await isFile(`${cache}/${COMPLETE}`)) say("the node is in the cache");
      else await node.#boot(say);
      return node;
    } catch (error) {
      await node[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The machine, from a snapshot of it: by default with the node Ready and nothing installed. */
  async start(snapshot: string = READY): Promise<TalosMachine> {
    return await this.#start(snapshot);
  }

  /**
   * Another machine, with empty disks and without a configuration: it comes up in maintenance mode.
   *
   * @param extend makes the initramfs that it boots, as the second path, of the one at the first
   * @param hasAgentPort whether it has the port that the agent answers on
   */
  async startUnconfigured(
    extend: (initramfs: string, path: string, directory: string) => Promise<void>,
    hasAgentPort = true,
  ): Promise<TalosMachine> {
    const directory = await Deno.makeTempDir({ dir: this.#directory });
    const initramfs = `${directory}/initramfs`;
    await extend(`${this.cache}/initramfs`, initramfs, directory);
    const disk = `${directory}/disk.qcow2`;
    await makeDataDisk(disk);
    return await TalosMachine.start({
      ...{ directory, initramfs, disks: [disk], registryPort: this.registry.port },
      kernelImage: (await findTalosKernel()).image,
      isUnconfigured: true,
      hasAgentPort,
    });
  }

  /**
   * The node as it was when it had become Ready, booted anew with another initramfs. What it writes is lost.
   *
   * @param extend makes the initramfs that it boots, as the second path, of the one at the first
   */
  async startExtended(
    extend: (initramfs: string, path: string, directory: string) => Promise<void>,
  ): Promise<TalosMachine> {
    const directory = await Deno.makeTempDir({ dir: this.#directory });
    const initramfs = `${directory}/initramfs`;
    await extend(`${this.cache}/initramfs`, initramfs, directory);
    const disks: string[] = [];
    for (const name of ["disk", "data"]) {
      const path = `${directory}/${name}.qcow2`;
      const original = `${this.cache}/${name}.qcow2`;
      // What the last machine did to it would be there.
      await run("qemu-img", "snapshot", "-a", READY, original);
      const base = ["-F", "qcow2", "-b", original];
      await run("qemu-img", "create", "-q", "-f", "qcow2", ...base, path);
      disks.push(path);
    }
    const configuration = await Deno.readTextFile(`${this.cache}/controlplane.yaml`);
    this.registry.addFile("controlplane.yaml", configuration);
    return await TalosMachine.start({
      ...{ directory, initramfs, disks, registryPort: this.registry.port },
      kernelImage: (await findTalosKernel()).image,
    });
  }

  /** What can be asked of the cluster on such a machine. */
  async cluster(machine: TalosMachine): Promise<TalosCluster> {
    const cluster = new TalosCluster(this.cache, machine);
    await cluster.usePorts();
    return cluster;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]();
  }

  async #start(snapshot: string | undefined): Promise<TalosMachine> {
    const kernel = await findTalosKernel();
    const directory = await Deno.makeTempDir({ dir: this.#directory });
    return await TalosMachine.start({
      directory,
      kernelImage: kernel.image,
      initramfs: `${this.cache}/initramfs`,
      disks: [`${this.cache}/disk.qcow2`, `${this.cache}/data.qcow2`],
      registryPort: this.registry.port,
      snapshot,
    });
  }

  async #boot(say: (what: string) => void): Promise<void> {
    // A node that was made of other parts takes gigabytes.
    await Deno.remove(CACHE, { recursive: true }).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
    await Deno.mkdir(this.cache, { recursive: true });
    const kernel = await findTalosKernel();
    await writeTalosInitramfs(`${this.cache}/initramfs`, this.#directory, kernel);
    await writeMachineConfiguration(this.cache);
    const images = `${this.#directory}/images`;
    await Deno.mkdir(images);
    await addNodeImages(this.registry, images);
    await Deno.remove(images, { recursive: true });
    const store = `${this.#directory}/containerd`;
    await makeNodeStore(store, this.#directory, this.registry);
    const configuration = await Deno.readTextFile(`${this.cache}/controlplane.yaml`);
    this.registry.addFile("controlplane.yaml", configuration);
    say("the machine and its images are made");
    for (let boot = 1;; boot++) {
      await makeSystemDisk(`${this.cache}/disk.qcow2`, store);
      await makeDataDisk(`${this.cache}/data.qcow2`);
      await using machine = await this.#start(undefined);
      const cluster = new TalosCluster(this.cache, machine);
      try {
        await cluster.bootstrap(say);
        await cluster.kubectl(["apply", "--filename=-"], JSON.stringify(SHELL));
        await machine.waitForShell(300_000);
        say("the shell on it has started");
        // Who boots from its disks has no more than is on them.
        await machine.run("sync", { timeoutMs: 60_000 });
        await machine.saveSnapshot(READY);
        await Deno.writeTextFile(`${this.cache}/${COMPLETE}`, "");
        say("the snapshot is saved");
        return;
      } catch (error) {
        if (!(error instanceof MachinePanic) || boot === BOOTS) {
          const lines = (await machine.console()).trim().split("\n").slice(-60).join("\n");
          throw new Error(`Talos did not come up:\n${lines}`, { cause: error });
        }
        say(`the kernel gave up: ${error.message}`);
      }
    }
  }
}

/** Of everything that makes the node what it is. */
async function cacheKey(): Promise<string> {
  const hash = createHash("sha256");
  const paths = [
    (await findTalosKernel()).image,
    `${PROJECT}/tests/harness/qemu/rootfs/bin/control-shell`,
    ...SOURCES.map((name) => `${PROJECT}/tests/talos/${name}.ts`),
  ];
  for (const name of TALOS_PROGRAMS) paths.push(await findTalosProgram(name));
  for (const name of PROGRAMS) paths.push(await findProgram(name, "talos"));
  for (const name of CONTROL_PLANE) paths.push(await findControlPlaneProgram(name));
  for (const line of (await run("sha256sum", ...paths)).split("\n")) hash.update(line.slice(0, 64));
  hash.update(TALOS_FILES.slice(TALOS_FILES.lastIndexOf("/")));
  hash.update(JSON.stringify(SHELL));
  return hash.digest("hex").slice(0, 16);
}
