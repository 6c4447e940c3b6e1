import { atOnce, type Steps } from "../steps.ts";
import {
  blockDeviceMounts,
  mayBeSelected,
  type MountSelection,
} from "./mounts/block_device_mounts.ts";
import { DiskSerials } from "./disks/disk_serials.ts";
import { fileStatus } from "../linux/file_status.ts";
import type { KernelFiles } from "../linux/kernel_files.ts";
import { readHostName, readKernelName } from "../linux/kernel_name.ts";
import type { Libc } from "../linux/libc.ts";
import { type Mount, readMountTable } from "./mounts/mount_table.ts";
import {
  type NetworkInterface,
  type ReadNetwork,
  readNetworkInterfaces,
} from "./network/interfaces.ts";
import { type OsRelease, parseOsRelease } from "./os_release.ts";
import { type InterfaceFilter, readNetwork } from "../linux/rtnetlink.ts";
import { resolveInRoot } from "../linux/rooted_path.ts";
import { readSystemClock } from "../linux/system_clock.ts";
import { hostTimeZone, type TimeZone } from "./time_zone.ts";
import { WatchedMountTable } from "./mounts/watched_mount_table.ts";

/** What is asked for again and again: by fsinfo, and by a freeze unless something is included. */
const NOTHING_INCLUDED: MountSelection = { include: [], exclude: [] };

/** Where the host's trees are mounted. */
export interface HostRoots {
  readonly procfs: string;
  readonly sysfs: string;
  readonly devfs: string;
  readonly rootfs: string;
}

/** uname(2) and os-release(5). */
export interface OsInfo {
  readonly kernelRelease: string;
  readonly kernelVersion: string;
  readonly machine: string;
  /** Empty when the host has no os-release file. */
  readonly release: OsRelease;
}

/**
 * What the agent knows of the host it runs on; every answer is read each time except for disks' serials, and for
 * mounts as long as the kernel reports no change.
 */
export class Host implements Disposable {
  readonly libc: Libc;
  readonly files: KernelFiles;
  readonly roots: HostRoots;
  /** Those that were asked for already. */
  readonly diskSerials = new DiskSerials();
  readonly #network: ReadNetwork;
  readonly #mountTable: WatchedMountTable;

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
    this.#network = network;
    this.#mountTable = new WatchedMountTable(
      libc,
      files,
      roots.rootfs,
      (mountPoint) => mayBeSelected(mountPoint, NOTHING_INCLUDED),
    );
  }

  /** The system clock in nanoseconds since the epoch. */
  time(): bigint {
    return readSystemClock(this.libc);
  }

  /** The host name of this UTS namespace, the node's with `hostNetwork`. */
  hostName(): string {
    return readHostName(this.libc);
  }

  /** The kernel and the operating system. */
  osInfo(): OsInfo {
    const { release, version, machine } = readKernelName(this.libc);
    return {
      kernelRelease: release,
      kernelVersion: version,
      machine,
      release: parseOsRelease(this.#osReleaseText()),
    };
  }

  /** The time zone in use now. */
  timeZone(): TimeZone {
    return hostTimeZone(this.libc, this.files, this.roots.rootfs, Date.now() / 1000);
  }

  /** See `readNetworkInterfaces`. */
  networkInterfaces(wanted: InterfaceFilter): Steps<NetworkInterface[]> {
    const { files, roots: { procfs } } = this;
    return readNetworkInterfaces({ files, procfs, network: this.#network }, wanted);
  }

  /** The file systems on block devices: see `readMountTable` and `blockDeviceMounts`. */
  *blockDeviceMounts(selection: MountSelection): Steps<Mount[]> {
    const { files, libc, roots: { rootfs } } = this;
    const status = (path: string) => fileStatus(libc, path);
    const mounts = selection.include.length === 0
      ? yield* this.#mountTable.read()
      : yield* readMountTable(files, rootfs, (mountPoint) => mayBeSelected(mountPoint, selection));
    return blockDeviceMounts(mounts, selection, { files, rootfs, status });
  }

  /** All IP addresses of this network namespace, as text. */
  ownAddresses(): string[] {
    return atOnce(this.#network(() => true)).addresses.map(({ address }) => address);
  }

  /** Gives the descriptor of the mount table back. */
  [Symbol.dispose](): void {
    this.#mountTable[Symbol.dispose]();
  }

  #osReleaseText(): string {
    for (const path of ["/etc/os-release", "/usr/lib/os-release"]) {
      const text = this.files.readAttribute(resolveInRoot(this.files, this.roots.rootfs, path));
      if (text !== undefined) return text;
    }
    return "";
  }
}
