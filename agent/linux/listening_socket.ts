import { Errno, type Libc } from "./libc.ts";

const AF_UNIX = 1;
const AF_VSOCK = 40;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const BACKLOG = 128;
// struct sockaddr_un has room for 108 bytes, the last of which is a NUL.
const PATH_OFFSET = 2;
const LONGEST_PATH = 107;
// struct sockaddr_vm (linux/vm_sockets.h).
const VSOCK_ADDRESS_SIZE = 16;
const VSOCK_PORT_OFFSET = 4;
const VSOCK_CID_OFFSET = 8;

const SOCKET_SYMBOLS = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  accept4: { parameters: ["i32", "pointer", "pointer", "i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** The address of a unix(7) socket, as bind(2) wants it. */
export function unixAddress(path: string): Uint8Array<ArrayBuffer> {
  const bytes = new TextEncoder().encode(path);
  if (bytes.length > LONGEST_PATH) {
    throw new RangeError(`a socket's path has ${LONGEST_PATH} bytes at most, not ${bytes.length}`);
  }
  if (bytes.includes(0)) throw new RangeError("a socket's path has no NUL in it");
  const address = new Uint8Array(PATH_OFFSET + bytes.length + 1);
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(bytes, PATH_OFFSET);
  return address;
}

/** The address of a vsock(7) socket, as bind(2) wants it; both numbers are unsigned, of 32 bits. */
export function vsockAddress(cid: number, port: number): Uint8Array<ArrayBuffer> {
  const address = new Uint8Array(VSOCK_ADDRESS_SIZE);
  const view = new DataView(address.buffer);
  view.setUint16(0, AF_VSOCK, true);
  view.setUint32(VSOCK_PORT_OFFSET, port, true);
  view.setUint32(VSOCK_CID_OFFSET, cid, true);
  return address;
}

const CONNECT_ERRORS: readonly number[] = [Errno.ECONNREFUSED, Errno.EAGAIN];
const ACCEPT_ERRORS: readonly number[] = [Errno.EAGAIN, Errno.EINTR, Errno.ECONNABORTED];

/**
 * Whether somebody listens on an address.
 *
 * @throws LibcError when that cannot be found out, for example without access to the socket's file
 */
export function hasListener(libc: Libc, address: Uint8Array<ArrayBuffer>): boolean {
  const { connect } = libc.bind(SOCKET_SYMBOLS);
  const fd = openSocket(libc, address);
  try {
    const result = libc.outcome(() => connect(fd, address, address.length), CONNECT_ERRORS);
    if (result === -Errno.ECONNREFUSED) return false;
    // As many clients wait for the listener as may.
    if (result >= 0 || result === -Errno.EAGAIN) return true;
    throw libc.errorOf(-result, "connect");
  } finally {
    libc.file.close(fd);
  }
}

function openSocket(libc: Libc, address: Uint8Array<ArrayBuffer>): number {
  const { socket } = libc.bind(SOCKET_SYMBOLS);
  const family = new DataView(address.buffer).getUint16(0, true);
  const type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
  return libc.check(socket(family, type, 0), "socket");
}

/**
 * A listening stream socket of unix(7) or vsock(7), nonblocking. It is not Deno's, whose event loop
 * stands between a request and its answer for longer than the agent needs to make it.
 */
export class ListeningSocket implements Disposable {
  /** The descriptor, for waiting. */
  readonly fd: number;
  readonly #libc: Libc;

  /**
   * @param address what `unixAddress` or `vsockAddress` gave
   * @throws LibcError when the address is taken or cannot be used
   */
  constructor(libc: Libc, address: Uint8Array<ArrayBuffer>) {
    this.#libc = libc;
    const { bind, listen } = libc.bind(SOCKET_SYMBOLS);
    this.fd = openSocket(libc, address);
    try {
      libc.check(bind(this.fd, address, address.length), "bind");
      libc.check(listen(this.fd, BACKLOG), "listen");
    } catch (error) {
      libc.file.close(this.fd);
      throw error;
    }
  }

  /**
   * The next client's connection, a nonblocking descriptor that is the caller's; undefined when none
   * waits.
   *
   * @throws LibcError when the kernel refuses, for example at the limit of open files
   */
  accept(): number | undefined {
    const { accept4 } = this.#libc.bind(SOCKET_SYMBOLS);
    for (;;) {
      const fd = this.#libc.outcome(
        () => accept4(this.fd, null, null, SOCK_NONBLOCK | SOCK_CLOEXEC),
        ACCEPT_ERRORS,
      );
      if (fd >= 0) return fd;
      if (fd === -Errno.EAGAIN) return undefined;
      // A client that left before it was served is none.
      if (fd === -Errno.EINTR || fd === -Errno.ECONNABORTED) continue;
      throw this.#libc.errorOf(-fd, "accept4");
    }
  }

  /** Closes it; the file of a unix socket stays. */
  [Symbol.dispose](): void {
    this.#libc.file.close(this.fd);
  }
}
