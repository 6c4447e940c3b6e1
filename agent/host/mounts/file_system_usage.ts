import { cString } from "../../linux/libc.ts";
import type { Host } from "../host.ts";

const USAGE_SYMBOLS = {
  statvfs: { parameters: ["buffer", "buffer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

// struct statvfs of 64-bit glibc, alike on x86-64 and aarch64.
const STATVFS_SIZE = 112;
const FRSIZE_OFFSET = 8;
const BLOCKS_OFFSET = 16;
const BFREE_OFFSET = 24;
const BAVAIL_OFFSET = 32;

/** Sizes of a file system in bytes. */
export interface FileSystemUsage {
  readonly used: bigint;
  /** What users without privileges can use in all, without the reserve. */
  readonly total: bigint;
  readonly totalPrivileged: bigint;
}

/** statvfs(3) of the file system at a path; undefined when it cannot be asked. */
export function readFileSystemUsage({ libc }: Host, path: string): FileSystemUsage | undefined {
  const result = new Uint8Array(STATVFS_SIZE);
  if (libc.bind(USAGE_SYMBOLS).statvfs(cString(path), result) < 0) return undefined;
  const view = new DataView(result.buffer);
  const blockSize = view.getBigUint64(FRSIZE_OFFSET, true);
  const blocks = view.getBigUint64(BLOCKS_OFFSET, true);
  const used = (blocks - view.getBigUint64(BFREE_OFFSET, true)) * blockSize;
  return {
    used,
    total: used + view.getBigUint64(BAVAIL_OFFSET, true) * blockSize,
    totalPrivileged: blocks * blockSize,
  };
}
