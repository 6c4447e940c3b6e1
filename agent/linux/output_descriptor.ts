import { fileIdentity } from "./file_status.ts";
import { cString, Errno, type Libc, OpenFlag } from "./libc.ts";

const SOCKET_SYMBOLS = {
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

const STANDARD_ERROR = 2;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const POLLOUT = 0x4;
/** What a pipe that is not full takes at once. */
const PIPE_BUF = 4096;

/** Errors that the same write need not have later. */
const PASSING: readonly number[] = [
  Errno.EAGAIN,
  Errno.EINTR,
  Errno.EFBIG,
  Errno.ENOBUFS,
  Errno.ENOSPC,
  Errno.EDQUOT,
];
const EXPECTED: readonly number[] = [...PASSING, Errno.EPIPE, Errno.EBADF];

/** write(2) or what does the same: how many bytes, or -1 and errno. */
type WriteCall = (bytes: Uint8Array<ArrayBuffer>) => number;

/** Why nothing was written. */
export interface OutputFailure {
  /** In words, such as `No space left on device`. */
  readonly reason: string;
  /** Whether the same write can succeed later. */
  readonly passes: boolean;
}

/**
 * A descriptor to write to without ever waiting for a reader. A pipe, a terminal or a socket that is
 * shared with other processes stays as it is for them: O_NONBLOCK is set on none but an open file of
 * this object's own.
 */
export class OutputDescriptor implements Disposable {
  readonly #libc: Libc;
  readonly #write: WriteCall;
  readonly #own: number | undefined;

  private constructor(
    libc: Libc,
    write: WriteCall,
    own?: number,
  ) {
    this.#libc = libc;
    this.#write = write;
    this.#own = own;
  }

  /**
   * Opens a file to append to, and makes it when there is none.
   *
   * @throws LibcError when it cannot be opened; a FIFO that nobody reads cannot
   */
  static appendTo(libc: Libc, path: string): OutputDescriptor {
    const { WRONLY, APPEND, CREAT, CLOEXEC, NOCTTY, NONBLOCK } = OpenFlag;
    const flags = WRONLY | APPEND | CREAT | CLOEXEC | NOCTTY | NONBLOCK;
    const fd = libc.outcome(() => libc.file.open(cString(path), flags, 0o666), []);
    if (fd < 0) throw libc.errorOf(-fd, `open ${path}`);
    return OutputDescriptor.#ofOwn(libc, fd);
  }

  /** Standard error, or for tests another descriptor that other processes have, too. */
  static shared(libc: Libc, fd = STANDARD_ERROR): OutputDescriptor {
    const kind = fileIdentity(libc, fd)?.kind;
    // Never waits for a reader. Opened again it would have a place of its own to write at.
    if (kind === "regular") return new OutputDescriptor(libc, writeTo(libc, fd));
    if (kind === "socket") {
      const { send } = libc.bind(SOCKET_SYMBOLS);
      const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
      return new OutputDescriptor(libc, (bytes) => send(fd, bytes, BigInt(bytes.length), flags));
    }
    const { WRONLY, CLOEXEC, NOCTTY, NONBLOCK } = OpenFlag;
    const own = libc.file.open(
      cString(`/proc/self/fd/${fd}`),
      WRONLY | CLOEXEC | NOCTTY | NONBLOCK,
      0,
    );
    if (own >= 0) return OutputDescriptor.#ofOwn(libc, own);
    // One that another user has made may not be opened, only used.
    return new OutputDescriptor(libc, writeWhenReady(libc, fd));
  }

  static #ofOwn(libc: Libc, fd: number): OutputDescriptor {
    return new OutputDescriptor(libc, writeTo(libc, fd), fd);
  }

  /**
   * Writes as many of the bytes as go without waiting, the first ones. Up to 4096 bytes go into a pipe
   * as a whole or not at all.
   *
   * @returns how many, at least one unless `bytes` is empty; or why none. It never throws
   */
  write(bytes: Uint8Array<ArrayBuffer>): number | OutputFailure {
    const result = this.#libc.outcome(() => this.#write(bytes), EXPECTED);
    if (result > 0 || (result === 0 && bytes.length === 0)) return result;
    const errno = result === 0 ? Errno.EAGAIN : -result;
    const reason = errno === Errno.EAGAIN ? "its reader is too slow" : this.#libc.explain(errno);
    return { reason, passes: PASSING.includes(errno) };
  }

  /** Closes what was opened; standard error stays open. */
  [Symbol.dispose](): void {
    if (this.#own !== undefined) this.#libc.file.close(this.#own);
  }
}

function writeTo(libc: Libc, fd: number): WriteCall {
  return (bytes) => libc.file.write(fd, bytes, BigInt(bytes.length));
}

/** Asks poll(2) before each write, which is none that has to wait then. 0 when it would. */
function writeWhenReady(libc: Libc, fd: number): WriteCall {
  const pollfd = new Uint8Array(8);
  const view = new DataView(pollfd.buffer);
  view.setInt32(0, fd, true);
  view.setInt16(4, POLLOUT, true);
  const write = writeTo(libc, fd);
  return (bytes) => {
    if (libc.frequent.poll(pollfd, 1n, 0) <= 0) return 0;
    return write(bytes.subarray(0, PIPE_BUF));
  };
}
