import type { Steps } from "../steps.ts";
import type { KernelFiles } from "../linux/kernel_files.ts";
import type { Libc } from "../linux/libc.ts";
import { type Network, type NetworkFilter, readNetwork } from "../linux/rtnetlink.ts";
import { resolveInRoot } from "../linux/rooted_path.ts";
import { DiskSerials } from "./disks/disk_serials.ts";
import { mayBeSelected, type MountSelection } from "./mounts/mount_selection.ts";
import { WatchedMountTable } from "./mounts/watched_mount_table.ts";

/** What is asked for again and again: by fsinfo, and by a freeze unless something is included. */
const NOTHING_INCLUDED: MountSelection = { include: [], exclude: [] };

/** Where the host's trees are mounted, and a file that stands for its os-release. */
export interface HostRoots {
  readonly procfs: string;
  readonly sysfs: string;
  readonly devfs: string;
  readonly rootfs: string;
  /** As the agent reaches it; undefined or left out for the host's own. */
  readonly osRelease?: string | undefined;
}

/** A path as the host has it, for errors: those who read them do not know where the agent sees its trees. */
export function asOnHost(
  { procfs, sysfs, devfs, rootfs }: HostRoots,
  path: string,
): string {
  const trees = [[procfs, "/proc"], [sysfs, "/sys"], [devfs, "/dev"], [rootfs, ""]] as const;
  for (const [tree, own] of trees) {
    if (tree !== "/" && path.startsWith(`${tree}/`)) return `${own}${path.slice(tree.length)}`;
  }
  return path;
}

/** Reads the kernel's lists of links and addresses; see `readNetwork`. */
export type ReadNetwork = (wanted: NetworkFilter) => Steps<Network>;

/**
 * The host that the agent runs on: how its facts are reached. Each fact has a function of its own,
 * `readX(host)`, and is read each time but for disks' serial numbers, and for mounts as long as the kernel
 * reports no change.
 */
export class Host implements Disposable {
  readonly libc: Libc;
  readonly files: KernelFiles;
  readonly roots: HostRoots;
  /** Those that were asked for already. */
  readonly diskSerials = new DiskSerials();
  /** The mounts that are asked for again and again. */
  readonly mountTable: WatchedMountTable;
  readonly readNetwork: ReadNetwork;

  /** `network` stands for the kernel's lists in tests. */
  constructor(
    libc: Libc,
    files: KernelFiles,
    roots: HostRoots,
    network: ReadNetwork = (wanted) => readNetwork(libc, wanted),
  ) {
    this.libc = libc;
    this.files = files;
    this.roots = roots;
    this.readNetwork = network;
    this.mountTable = new WatchedMountTable(
      libc,
      files,
      roots.rootfs,
      (mountPoint) => mayBeSelected(mountPoint, NOTHING_INCLUDED),
    );
  }

  /** A path that one of these has made, as errors show it. */
  shown(path: string): string {
    return asOnHost(this.roots, path);
  }

  /** The path of a file of the host's /proc, as the agent reaches it. */
  procPath(name: string): string {
    return `${this.roots.procfs}/${name}`;
  }

  /** The path of a file of the host's /sys, as the agent reaches it. */
  sysPath(name: string): string {
    return `${this.roots.sysfs}/${name}`;
  }

  /** The path of a file of the host's /dev, as the agent reaches it. */
  devPath(name: string): string {
    return `${this.roots.devfs}/${name}`;
  }

  /** The path of any file of the host, with symbolic links as the host sees them, as the agent reaches it. */
  rootPath(path: string): string {
    return resolveInRoot(this.files, this.roots.rootfs, path);
  }

  /** Gives the descriptor of the mount table back. */
  [Symbol.dispose](): void {
    this.mountTable[Symbol.dispose]();
  }
}
