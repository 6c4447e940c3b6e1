import { exactInteger } from "../linux/exact_integer.ts";
import type { KernelFiles, OpenDescriptor } from "../linux/kernel_files.ts";
import { Errno, type Libc, LibcError } from "../linux/libc.ts";

/** A block of memory that the kernel can take online and offline. */
export interface MemoryBlock {
  /** N of `memoryN`, a uint64. */
  readonly index: number | bigint;
  readonly online: boolean;
  readonly canOffline: boolean;
}

/** Whether this kernel has memory blocks at all (`/sys/devices/system/memory`). */
export function hasMemoryBlocks(files: KernelFiles, sysfs: string): boolean {
  return files.exists(root(sysfs));
}

/**
 * The memory blocks by their number; none where the kernel has no `/sys/devices/system/memory`.
 *
 * `removable` says whether the kernel supports memory offlining, of every block alike (since Linux 5.8), and
 * is read once: there can be thousands of blocks.
 *
 * @throws LibcError when an attribute is there and cannot be read
 */
export function readMemoryBlocks(files: KernelFiles, sysfs: string): MemoryBlock[] {
  const numbers = files.list(root(sysfs))
    .filter((name) => /^memory\d+$/.test(name))
    .map((name) => exactInteger(name.slice("memory".length)))
    .sort((one, other) => Number(one) - Number(other));
  if (numbers.length === 0) return [];
  using parent = files.openDirectory(root(sysfs));
  let common: boolean | undefined;
  return numbers.map((index) =>
    readState(files, parent, index, () => common ??= isRemovable(files, parent, index))
  );
}

/**
 * One memory block, or undefined when there is none with this number.
 *
 * @throws LibcError when an attribute is there and cannot be read
 */
export function readMemoryBlock(
  files: KernelFiles,
  sysfs: string,
  index: number | bigint,
): MemoryBlock | undefined {
  if (!files.exists(directory(sysfs, index))) return undefined;
  using parent = files.openDirectory(root(sysfs));
  return readState(files, parent, index, isRemovable);
}

/**
 * Takes a memory block online or offline (memory hotplug).
 *
 * @throws LibcError when the kernel refuses; with ENOENT when the block is always online
 */
export function switchMemoryBlock(
  files: KernelFiles,
  sysfs: string,
  index: number | bigint,
  online: boolean,
): void {
  files.writeText(`${directory(sysfs, index)}/state`, online ? "online" : "offline");
}

/**
 * The size of every memory block in bytes.
 *
 * @throws LibcError when the kernel has no memory blocks, in the words of qemu-ga, or does not tell
 */
export function readMemoryBlockSize(libc: Libc, files: KernelFiles, sysfs: string): bigint {
  const path = `${root(sysfs)}/block_size_bytes`;
  const size = files.readAttributeIfPresent(path);
  if (size !== undefined) return BigInt(`0x${size}`);
  const what = hasMemoryBlocks(files, sysfs) ? `open ${path}` : `open("${root(sysfs)}/")`;
  throw new LibcError(what, Errno.ENOENT, libc.explain(Errno.ENOENT));
}

function root(sysfs: string): string {
  return `${sysfs}/devices/system/memory`;
}

function directory(sysfs: string, index: number | bigint): string {
  return `${root(sysfs)}/memory${index}`;
}

function readState(
  files: KernelFiles,
  parent: OpenDescriptor,
  index: number | bigint,
  removable: typeof isRemovable,
): MemoryBlock {
  const state = files.readAttributeIfPresent(`memory${index}/state`, parent);
  if (state === undefined) return { index, online: true, canOffline: false };
  return { index, online: state === "online", canOffline: removable(files, parent, index) };
}

function isRemovable(files: KernelFiles, parent: OpenDescriptor, index: number | bigint): boolean {
  const removable = files.readAttributeIfPresent(`memory${index}/removable`, parent);
  return removable !== undefined && removable !== "0";
}
