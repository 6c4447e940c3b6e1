import { cString, Errno, type Libc, OpenFlag } from "../linux/libc.ts";

/** What the kernel is asked about whole file systems: ioctl_fs(2). Tests put a fake kernel here. */
export interface FileSystemCalls {
  /**
   * Opens a directory on the file system.
   *
   * @returns a handle, to be given back to `close`
   * @throws LibcError
   */
  open(path: string): Promise<number>;
  /** Gives a handle back. */
  close(handle: number): void;
  /**
   * FIFREEZE: returns when all writes are on the disk and no other can begin.
   *
   * @throws LibcError with EBUSY when it is frozen already, EOPNOTSUPP when it cannot be frozen
   */
  freeze(handle: number): Promise<void>;
  /**
   * FITHAW.
   *
   * @throws LibcError with EINVAL when it is not frozen
   */
  thaw(handle: number): Promise<void>;
  /**
   * FITRIM of the whole file system.
   *
   * @param minimum least length of a free range to discard, in bytes
   * @returns the bytes discarded, and the least length that the kernel has taken
   * @throws LibcError with ENOTTY or EOPNOTSUPP when the file system or its device cannot do it
   */
  trim(handle: number, minimum: bigint): Promise<TrimmedBytes>;
}

/** What FITRIM gives back, in bytes; unsigned, 64 bits. */
export interface TrimmedBytes {
  readonly trimmed: bigint;
  readonly minimum: bigint;
}

const BACKGROUND_SYMBOLS = {
  open: { parameters: ["buffer", "i32", "u32"], result: "i32", nonblocking: true },
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32", nonblocking: true },
} as const satisfies Deno.ForeignLibraryInterface;

const FOREGROUND_SYMBOLS = {
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

const FIFREEZE = 0xc004_5877n;
const FITHAW = 0xc004_5878n;
const FITRIM = 0xc018_5879n;
const WHOLE = 0xffff_ffff_ffff_ffffn;
/** Of the file system: small enough to be trimmed on the main thread. */
const PROBED_LENGTH = 1_048_576n;
// struct fstrim_range: start, len, minlen.
const RANGE_SIZE = 24;
const LENGTH_OFFSET = 8;
const MINIMUM_OFFSET = 16;

/** A call that failed within this time, in milliseconds, may be made again on the main thread. */
const AT_ONCE_MS = 200;
/** How often a call is made that takes long and fails. */
const SLOW_ATTEMPTS = 3;

/**
 * The kernel's calls. Each can block for a minute, so each is made on a thread of Deno's pool, where
 * timers, signals and requests do not wait for it, and a thaw does not wait for a freeze.
 *
 * That thread's errno is out of reach. So a call that failed is made once more on the main thread,
 * where its errno can be read, but only after it has failed at once: what the kernel refuses (EBUSY,
 * EINVAL, EOPNOTSUPP) it refuses at once, and refuses again. One that failed late, such as a FIFREEZE
 * whose last writes met a broken disk, is made again on the pool instead, and in the end fails with EIO:
 * the main thread never waits for a disk.
 *
 * A repeat that succeeds is a success: whoever had the file system frozen has thawed it in between. That
 * FIFREEZE alone blocks the main thread; the guard's deadline holds meanwhile.
 */
export class KernelFileSystemCalls implements FileSystemCalls {
  readonly #libc: Libc;

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  async open(path: string): Promise<number> {
    const flags = OpenFlag.RDONLY | OpenFlag.CLOEXEC;
    // All that a thaw needs is looked up now, before anything is frozen.
    const { open } = this.#background;
    void this.#foreground;
    return await this.#call("open", {
      background: () => open(cString(path), flags, 0),
      foreground: () => this.#libc.file.open(cString(path), flags, 0),
      expected: [Errno.ENOENT, Errno.EACCES],
    });
  }

  close(handle: number): void {
    this.#libc.file.close(handle);
  }

  async freeze(handle: number): Promise<void> {
    await this.#call("freeze", {
      background: () => this.#background.ioctl(handle, FIFREEZE, null),
      foreground: () => this.#foreground.ioctl(handle, FIFREEZE, null),
      expected: [Errno.EBUSY, Errno.EOPNOTSUPP],
    });
  }

  async thaw(handle: number): Promise<void> {
    await this.#call("thaw", {
      background: () => this.#background.ioctl(handle, FITHAW, null),
      foreground: () => this.#foreground.ioctl(handle, FITHAW, null),
      expected: [Errno.EINVAL],
    });
  }

  async trim(handle: number, minimum: bigint): Promise<TrimmedBytes> {
    const range = trimRange(WHOLE, minimum);
    if (await this.#background.ioctl(handle, FITRIM, range) < 0) {
      // Whether it can be trimmed at all shows on a small part of it.
      const part = trimRange(PROBED_LENGTH, minimum);
      this.#believe("trim", () => this.#foreground.ioctl(handle, FITRIM, part), [
        Errno.ENOTTY,
        Errno.EOPNOTSUPP,
      ]);
      throw this.#libc.errorOf(Errno.EIO, "trim");
    }
    const view = new DataView(range.buffer);
    return {
      trimmed: view.getBigUint64(LENGTH_OFFSET, true),
      minimum: view.getBigUint64(MINIMUM_OFFSET, true),
    };
  }

  get #background() {
    return this.#libc.bind(BACKGROUND_SYMBOLS);
  }

  get #foreground() {
    return this.#libc.bind(FOREGROUND_SYMBOLS);
  }

  /** Gives the result of a call that did not fail. */
  async #call(
    what: string,
    { background, foreground, expected }: {
      readonly background: () => Promise<number>;
      readonly foreground: () => number;
      readonly expected: readonly number[];
    },
  ): Promise<number> {
    for (let attempt = 0; attempt < SLOW_ATTEMPTS; attempt++) {
      const startedAt = performance.now();
      const result = await background();
      if (result >= 0) return result;
      if (performance.now() - startedAt <= AT_ONCE_MS) {
        return this.#believe(what, foreground, expected);
      }
    }
    throw this.#libc.errorOf(Errno.EIO, what);
  }

  /** Makes a call whose errno counts. */
  #believe(what: string, call: () => number, expected: readonly number[]): number {
    const outcome = this.#libc.outcome(call, expected);
    if (outcome < 0) throw this.#libc.errorOf(-outcome, what);
    return outcome;
  }
}

function trimRange(length: bigint, minimum: bigint): Uint8Array<ArrayBuffer> {
  const range = new Uint8Array(RANGE_SIZE);
  const view = new DataView(range.buffer);
  view.setBigUint64(LENGTH_OFFSET, length, true);
  view.setBigUint64(MINIMUM_OFFSET, minimum, true);
  return range;
}
