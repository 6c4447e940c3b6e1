import { cString, type Libc } from "./libc.ts";

const STATFS_SYMBOLS = {
  statfs: { parameters: ["buffer", "buffer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

// struct statfs is 120 bytes on 64-bit machines; f_type, a long, comes first.
const STATFS_SIZE = 128;
const TMPFS_MAGIC = 0x0102_1994n;
const RAMFS_MAGIC = 0x8584_58f6n;

/**
 * Whether a path lies in memory (tmpfs, ramfs), where no freeze can reach it.
 *
 * @throws LibcError when there is no such path
 */
export function isInMemory(libc: Libc, path: string): boolean {
  const status = new Uint8Array(STATFS_SIZE);
  const { statfs } = libc.bind(STATFS_SYMBOLS);
  libc.check(statfs(cString(path), status), `statfs ${path}`);
  const type = new DataView(status.buffer).getBigUint64(0, true);
  return type === TMPFS_MAGIC || type === RAMFS_MAGIC;
}
