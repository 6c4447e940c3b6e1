import { exactInteger } from "../linux/exact_integer.ts";
import type { OpenDescriptor } from "../linux/kernel_files.ts";
import { Errno, LibcError } from "../linux/libc.ts";
import type { Host } from "./host.ts";

const DIRECTORY = "devices/system/memory";

/** A block of memory that the kernel can take online and offline. */
export interface MemoryBlock {
  /** N of `memoryN`, a uint64. */
  readonly index: number | bigint;
  readonly online: boolean;
  readonly canOffline: boolean;
}

/** Whether this kernel has memory blocks at all (`/sys/devices/system/memory`). */
export function hasMemoryBlocks(host: Host): boolean {
  return host.files.exists(host.sysPath(DIRECTORY));
}

/**
 * The memory blocks by their number; none where the kernel has no `/sys/devices/system/memory`.
 *
 * `removable` says whether the kernel supports memory offlining, of every block alike (since Linux 5.8), and
 * is read once: there can be thousands of blocks.
 *
 * @throws LibcError when an attribute is there and cannot be read
 */
export function readMemoryBlocks(host: Host): MemoryBlock[] {
  const numbers = host.files.list(host.sysPath(DIRECTORY))
    .filter((name) => /^memory\d+$/.test(name))
    .map((name) => exactInteger(name.slice("memory".length)))
    .sort((one, other) => Number(one) - Number(other));
  if (numbers.length === 0) return [];
  using parent = host.files.openDirectory(host.sysPath(DIRECTORY));
  let common: boolean | undefined;
  return numbers.map((index) =>
    readState(host, parent, index, () => common ??= isRemovable(host, parent, index))
  );
}

/**
 * One memory block, or undefined when there is none with this number.
 *
 * @throws LibcError when an attribute is there and cannot be read
 */
export function readMemoryBlock(
  host: Host,
  index: number | bigint,
): MemoryBlock | undefined {
  if (!host.files.exists(directory(host, index))) return undefined;
  using parent = host.files.openDirectory(host.sysPath(DIRECTORY));
  return readState(host, parent, index, isRemovable);
}

/**
 * Takes a memory block online or offline (memory hotplug).
 *
 * @throws LibcError when the kernel refuses; with ENOENT when the block is always online
 */
export function switchMemoryBlock(
  host: Host,
  index: number | bigint,
  online: boolean,
): void {
  host.files.writeText(`${directory(host, index)}/state`, online ? "online" : "offline");
}

/**
 * The size of every memory block in bytes.
 *
 * @throws LibcError when the kernel has no memory blocks, in the words of qemu-ga, or does not tell
 */
export function readMemoryBlockSize(host: Host): bigint {
  const path = host.sysPath(`${DIRECTORY}/block_size_bytes`);
  const size = host.files.readAttributeIfPresent(path);
  if (size !== undefined) return BigInt(`0x${size}`);
  const what = hasMemoryBlocks(host)
    ? `open ${host.shown(path)}`
    : `open("${host.shown(host.sysPath(DIRECTORY))}/")`;
  throw new LibcError(what, Errno.ENOENT, host.libc.explain(Errno.ENOENT));
}

function directory(host: Host, index: number | bigint): string {
  return host.sysPath(`${DIRECTORY}/memory${index}`);
}

function readState(
  host: Host,
  parent: OpenDescriptor,
  index: number | bigint,
  removable: typeof isRemovable,
): MemoryBlock {
  const state = host.files.readAttributeIfPresent(`memory${index}/state`, parent);
  if (state === undefined) return { index, online: true, canOffline: false };
  return { index, online: state === "online", canOffline: removable(host, parent, index) };
}

function isRemovable(host: Host, parent: OpenDescriptor, index: number | bigint): boolean {
  const removable = host.files.readAttributeIfPresent(`memory${index}/removable`, parent);
  return removable !== undefined && removable !== "0";
}
