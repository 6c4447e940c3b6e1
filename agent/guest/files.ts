import { messageOf } from "../fault.ts";
import { FaultError } from "../fault.ts";
import { GrowingBytes } from "../memory/growing_bytes.ts";
import { QEMU_LIMITS } from "../memory/memory_limits.ts";
import type { Log } from "../log/log.ts";
import { nextTurn } from "../steps.ts";
import type { HandleNumbers } from "./handle_numbers.ts";
import { Errno, type Libc, LibcError, OpenFlag } from "../linux/libc.ts";
import { openInRoot } from "../linux/open_in_root.ts";

const PATH_MAX = 4096;
const ANYBODY_READS_AND_WRITES = 0o666;

/** The flags of open(2) for each mode of fopen(3), without the `b`, which means nothing here. */
const MODE_FLAGS: Readonly<Record<string, number>> = {
  r: 0,
  w: OpenFlag.WRONLY | OpenFlag.CREAT | OpenFlag.TRUNC,
  a: OpenFlag.WRONLY | OpenFlag.CREAT | OpenFlag.APPEND,
  "r+": OpenFlag.RDWR,
  "w+": OpenFlag.RDWR | OpenFlag.CREAT | OpenFlag.TRUNC,
  "a+": OpenFlag.RDWR | OpenFlag.CREAT | OpenFlag.APPEND,
};

/** What a pipe says that is empty or full, and a call that a signal has ended. */
const TEMPORARY: readonly number[] = [Errno.EAGAIN, Errno.EINTR];

/** Moved by one system call; other work of the agent is done in between. */
const CHUNK = 1024 * 1024;

// lseek(2) alone has offsets that need 64 bits.
const POSITION_SYMBOLS = {
  lseek: { parameters: ["i32", "i64", "i32"], result: "i64" },
  fchmod: { parameters: ["i32", "u32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** What `seek` counts from; the values are those of lseek(2). */
export const Whence = { set: 0, cur: 1, end: 2 } as const;

/** What a read gave. */
export interface ReadResult {
  /** The caller's to dispose of. */
  readonly bytes: GrowingBytes;
  /** The end of the file was met; not yet when its last byte was read and no more asked for. */
  readonly eof: boolean;
}

/** What `GuestFiles` needs. */
export interface GuestFilesOptions {
  readonly libc: Libc;
  /** What is `/` for the paths to open. */
  readonly root: string;
  readonly numbers: HandleNumbers;
  /** Each opened file leaves a line there. */
  readonly log: Log;
  /** What a read gives at most, in bytes; 48 MiB when left out. */
  readonly readBytes?: number;
}

/** A file cannot be opened for a reason that is not the system's; the message is the client's. */
export class GuestFileError extends FaultError {
  override readonly name = "GuestFileError";
}

/** The files that clients have open, by handle. They stay open when the client leaves. */
export class GuestFiles implements Disposable {
  readonly #options: GuestFilesOptions;
  readonly #open = new Map<bigint, GuestFile>();

  constructor(options: GuestFilesOptions) {
    this.#options = options;
  }

  /**
   * Opens a file, never blocking and never as controlling terminal. One that is created may be read
   * and written by anybody, whatever the umask.
   *
   * @param path as seen from the root; a relative one is relative to it, or to the working directory where the
   * root is the agent's own
   * @param mode one of fopen(3)'s: r, w, a, with + and b
   * @returns its handle
   * @throws GuestFileError for another mode, or when the handle's number cannot be written down;
   * LibcError when the system refuses
   */
  open(path: string, mode: string): bigint {
    const { libc, numbers, log, readBytes = QEMU_LIMITS.readBytes } = this.#options;
    const flags = modeFlags(mode);
    const what = `failed to open file '${path}' (mode: '${mode}')`;
    // Megabytes need not be copied to be refused.
    if (path.length > PATH_MAX) {
      throw new LibcError(what, Errno.ENAMETOOLONG, libc.explain(Errno.ENAMETOOLONG));
    }
    // C would open what stands before the NUL; no file has such a name.
    if (path.includes("\0")) throw new LibcError(what, Errno.ENOENT, libc.explain(Errno.ENOENT));
    // Before the file: its truncation could not be undone.
    const handle = takeNumber(numbers);
    const fd = this.#openDescriptor(path, flags | OpenFlag.NOCTTY | OpenFlag.NONBLOCK, what);
    this.#open.set(handle, new GuestFile(libc, fd, readBytes));
    log.info("file opened", { path, mode, handle });
    return handle;
  }

  /** The open file of a handle, undefined when there is none. */
  find(handle: bigint): GuestFile | undefined {
    return this.#open.get(handle);
  }

  /**
   * Closes a file; its handle is gone also when that fails.
   *
   * @returns false when there is no such handle
   * @throws LibcError when the system could not write what it had put off
   */
  close(handle: bigint): boolean {
    const file = this.#open.get(handle);
    if (file === undefined) return false;
    this.#open.delete(handle);
    file.close();
    return true;
  }

  /** Closes all. */
  [Symbol.dispose](): void {
    for (const file of this.#open.values()) file[Symbol.dispose]();
    this.#open.clear();
  }

  #openDescriptor(path: string, flags: number, what: string): number {
    const { libc, root } = this.#options;
    if ((flags & OpenFlag.CREAT) === 0) return openInRoot(libc, root, path, flags, 0, what);
    let fd: number;
    try {
      fd = openInRoot(libc, root, path, flags | OpenFlag.EXCL, ANYBODY_READS_AND_WRITES, what);
    } catch (error) {
      if (!(error instanceof LibcError) || error.errno !== Errno.EEXIST) throw error;
      return openInRoot(libc, root, path, flags & ~OpenFlag.CREAT, 0, what);
    }
    try {
      const { fchmod } = libc.bind(POSITION_SYMBOLS);
      libc.check(fchmod(fd, ANYBODY_READS_AND_WRITES), what);
    } catch (error) {
      libc.file.close(fd);
      throw error;
    }
    return fd;
  }
}

/**
 * An open file. What is written goes to the system at once: qemu-ga's stdio keeps it until a flush, so
 * that a full disk shows at the flush there and at the write here.
 */
export class GuestFile implements Disposable {
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #readBytes: number;

  /** Takes over a nonblocking descriptor. `readBytes` is what a read gives at most. */
  constructor(libc: Libc, fd: number, readBytes: number) {
    this.#libc = libc;
    this.#fd = fd;
    this.#readBytes = readBytes;
  }

  /**
   * Reads up to `count` bytes: less at the end of the file, or of what a pipe holds now, or where more
   * than one read gives are asked for.
   *
   * @throws LibcError when nothing can be read, EAGAIN when a pipe is empty
   */
  async read(count: number): Promise<ReadResult> {
    using stack = new DisposableStack();
    const bytes = stack.use(new GrowingBytes(Math.min(count, this.#readBytes)));
    let eof = false;
    while (bytes.length < bytes.limit && !eof) {
      if (bytes.length > 0) await nextTurn();
      const { filled, end } = this.#fill(bytes.room(CHUNK), bytes.length === 0);
      bytes.extend(filled);
      eof = end === "eof";
      if (end === "empty") break;
    }
    stack.move();
    return { bytes, eof };
  }

  /**
   * Writes, if only a part because a pipe is full.
   *
   * @returns how many bytes were written
   * @throws LibcError when the system refuses, even if a part was written; EAGAIN when it was none
   */
  async write(bytes: Uint8Array<ArrayBuffer>): Promise<number> {
    let offset = 0;
    while (offset < bytes.length) {
      if (offset > 0) await nextTurn();
      const chunk = bytes.subarray(offset, offset + CHUNK);
      const count = this.#libc.outcome(
        () => this.#libc.file.write(this.#fd, chunk, BigInt(chunk.length)),
        TEMPORARY,
      );
      if (count >= 0) {
        offset += count;
        continue;
      }
      const error = this.#libc.errorOf(-count, "failed to write to file");
      if (error.errno === Errno.EINTR) continue;
      if (error.errno === Errno.EAGAIN && offset > 0) return offset;
      throw error;
    }
    return offset;
  }

  /**
   * Sets the position.
   *
   * @returns the new one, in bytes from the start
   * @throws LibcError when it would be negative or the file has none, as a pipe
   */
  seek(offset: bigint, whence: (typeof Whence)[keyof typeof Whence]): bigint {
    const { lseek } = this.#libc.bind(POSITION_SYMBOLS);
    const position = lseek(this.#fd, offset, whence);
    if (position < 0n) throw this.#libc.lastError("failed to seek file");
    return position;
  }

  /** @throws LibcError when the system could not write what it had put off */
  close(): void {
    this.#libc.check(this.#libc.file.close(this.#fd), "failed to close handle");
  }

  /** Closes it, come what may. */
  [Symbol.dispose](): void {
    this.#libc.file.close(this.#fd);
  }

  /** Reads until the buffer is full, or the file at its end, or the pipe empty. */
  #fill(
    buffer: Uint8Array<ArrayBuffer>,
    isFirst: boolean,
  ): { filled: number; end: "full" | "eof" | "empty" } {
    let filled = 0;
    while (filled < buffer.length) {
      const rest = buffer.subarray(filled);
      const count = this.#libc.outcome(
        () => this.#libc.file.read(this.#fd, rest, BigInt(rest.length)),
        TEMPORARY,
      );
      if (count === 0) return { filled, end: "eof" };
      if (count > 0) {
        filled += count;
        continue;
      }
      const error = this.#libc.errorOf(-count, "failed to read file");
      if (error.errno === Errno.EINTR) continue;
      if (error.errno === Errno.EAGAIN && !(isFirst && filled === 0)) {
        return { filled, end: "empty" };
      }
      throw error;
    }
    return { filled, end: "full" };
  }
}

function modeFlags(mode: string): number {
  const plain = /^[rwa](?:b?\+?|\+b)$/.test(mode) ? mode.replace("b", "") : "";
  const flags = MODE_FLAGS[plain];
  if (flags === undefined) throw new GuestFileError(`invalid file open mode '${mode}'`);
  return flags;
}

function takeNumber(numbers: HandleNumbers): bigint {
  try {
    return numbers.take();
  } catch (error) {
    const reason = messageOf(error);
    throw new GuestFileError(`failed to commit persistent state to disk: ${reason}`, undefined, {
      cause: error,
    });
  }
}
