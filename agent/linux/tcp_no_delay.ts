import type { KernelFiles } from "./kernel_files.ts";
import { Errno, type Libc } from "./libc.ts";

const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
/** Descriptors of other kinds, and one that was closed meanwhile. */
const NO_TCP: readonly number[] = [Errno.ENOTSOCK, Errno.EOPNOTSUPP, Errno.EBADF];

const SOCKET_SYMBOLS = {
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/**
 * Sets TCP_NODELAY (tcp(7)) on every TCP connection of this process, which also sends at once what
 * Nagle's algorithm has held back. `fetch` turns the option off, writes a request in several pieces,
 * and so waits 40 ms for the peer's delayed acknowledgement; it gives nobody its socket.
 *
 * @returns the number of connections
 * @throws LibcError when a TCP connection refuses the option, or the process's descriptors cannot be
 *   listed
 */
export function setTcpNoDelay(libc: Libc, files: KernelFiles): number {
  const { setsockopt } = libc.bind(SOCKET_SYMBOLS);
  const on = new Uint8Array(new Int32Array([1]).buffer);
  let connections = 0;
  // Not the host's: this process's own.
  for (const name of files.list("/proc/self/fd")) {
    const result = libc.outcome(
      () => setsockopt(Number(name), IPPROTO_TCP, TCP_NODELAY, on, on.length),
      NO_TCP,
    );
    if (result >= 0) connections++;
    else if (!NO_TCP.includes(-result)) {
      throw libc.errorOf(-result, `set TCP_NODELAY on descriptor ${name}`);
    }
  }
  return connections;
}
