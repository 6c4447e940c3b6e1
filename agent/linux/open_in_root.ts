import { cString, type Libc, OpenFlag } from "./libc.ts";

// openat2(2) has no function in the C library; the number is the same on all architectures.
const SYS_OPENAT2 = 437n;
const RESOLVE_IN_ROOT = 0x10n;

const SYSCALL_SYMBOLS = {
  syscall: { parameters: ["i64", "i64", "buffer", "buffer", "usize"], result: "i64" },
} as const satisfies Deno.ForeignLibraryInterface;

/**
 * Opens a file as a program inside `root` would: the kernel keeps symbolic links, `..` and relative
 * paths within the root (openat2(2), Linux 5.6), also when somebody changes the tree meanwhile. Links
 * such as those in `/proc/PID/fd` are not followed. Where the root is this process's own, a relative path is
 * relative to its working directory.
 *
 * @param flags O_CLOEXEC is added
 * @param mode permissions of a file that is created, before the umask; 0 when none is
 * @returns the descriptor, which is the caller's
 * @throws LibcError when it cannot be opened; `what` begins its message
 */
export function openInRoot(
  libc: Libc,
  root: string,
  path: string,
  flags: number,
  mode: number,
  what: string,
): number {
  const { open, close } = libc.file;
  if (root === "/" && !path.startsWith("/")) {
    return libc.check(open(cString(path), flags | OpenFlag.CLOEXEC, mode), what);
  }
  const { syscall } = libc.bind(SYSCALL_SYMBOLS);
  const directory = libc.check(
    open(cString(root), OpenFlag.PATH | OpenFlag.CLOEXEC, 0),
    `${what}: ${root}`,
  );
  try {
    const how = new BigUint64Array([
      BigInt(flags | OpenFlag.CLOEXEC),
      BigInt(mode),
      RESOLVE_IN_ROOT,
    ]);
    const fd = syscall(
      SYS_OPENAT2,
      BigInt(directory),
      cString(path),
      new Uint8Array(how.buffer),
      BigInt(how.byteLength),
    );
    return libc.check(Number(fd), what);
  } finally {
    close(directory);
  }
}
