import type { KernelFiles } from "../linux/kernel_files.ts";
import { Errno, type Libc, LibcError } from "../linux/libc.ts";

/** A logical processor. */
export interface VirtualCpu {
  /** N of `cpuN`. */
  readonly id: bigint;
  readonly online: boolean;
  /** False for one that is always online, such as the first on x86. */
  readonly canOffline: boolean;
}

/**
 * The logical processors that the kernel has, by their number, from `/sys/devices/system/cpu`.
 *
 * @throws LibcError when there is no such directory, in the words of qemu-ga, or when an attribute is
 * there and cannot be read
 */
export function readVirtualCpus(libc: Libc, files: KernelFiles, sysfs: string): VirtualCpu[] {
  const path = `${sysfs}/devices/system/cpu`;
  const entries = files.list(path);
  if (entries.length === 0 && !files.exists(path)) {
    throw absent(libc, `failed to list entries: ${path}`);
  }
  return entries
    .filter((name) => /^cpu\d+$/.test(name))
    .map((name) => BigInt(name.slice("cpu".length)))
    .sort((one, other) => Number(one - other))
    .map((id) => readState(files, sysfs, id));
}

/**
 * One logical processor.
 *
 * @throws LibcError when there is none with this number, in the words of qemu-ga
 */
export function readVirtualCpu(
  libc: Libc,
  files: KernelFiles,
  sysfs: string,
  id: bigint,
): VirtualCpu {
  const path = directory(sysfs, id);
  if (!files.exists(path)) {
    throw absent(libc, `open("${path}/")`);
  }
  return readState(files, sysfs, id);
}

/**
 * Takes a logical processor online or offline (cpu hotplug).
 *
 * @throws LibcError when the kernel refuses, for example for the last one online
 */
export function switchVirtualCpu(
  files: KernelFiles,
  sysfs: string,
  id: bigint,
  online: boolean,
): void {
  files.writeText(`${directory(sysfs, id)}/online`, online ? "1" : "0");
}

function absent(libc: Libc, what: string): LibcError {
  return new LibcError(what, Errno.ENOENT, libc.explain(Errno.ENOENT));
}

function directory(sysfs: string, id: bigint): string {
  return `${sysfs}/devices/system/cpu/cpu${id}`;
}

function readState(files: KernelFiles, sysfs: string, id: bigint): VirtualCpu {
  const online = files.readAttributeIfPresent(`${directory(sysfs, id)}/online`);
  return { id, online: online !== "0", canOffline: online !== undefined };
}
