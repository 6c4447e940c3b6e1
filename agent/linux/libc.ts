import { FaultError } from "../fault.ts";
// ssize_t results are declared i32: the calls made here move less than 2 GiB, and i64 would make a
// bigint for each call.
const FILE_SYMBOLS = {
  open: { parameters: ["buffer", "i32", "u32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

// What a request of a hypervisor or a command calls again and again.
const FREQUENT_SYMBOLS = {
  ...FILE_SYMBOLS,
  openat: { parameters: ["i32", "buffer", "i32", "u32"], result: "i32" },
  poll: { parameters: ["buffer", "u64", "i32"], result: "i32" },
  getdents64: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  readlink: { parameters: ["buffer", "buffer", "usize"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

const EVENT_SYMBOLS = {
  epoll_create1: { parameters: ["i32"], result: "i32" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  epoll_wait: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32", nonblocking: true },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  inotify_init1: { parameters: ["i32"], result: "i32" },
  inotify_add_watch: { parameters: ["i32", "buffer", "u32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

const TERMINAL_SYMBOLS = {
  tcgetattr: { parameters: ["i32", "buffer"], result: "i32" },
  tcsetattr: { parameters: ["i32", "i32", "buffer"], result: "i32" },
  cfmakeraw: { parameters: ["buffer"], result: "void" },
  cfsetspeed: { parameters: ["buffer", "u32"], result: "i32" },
  tcflush: { parameters: ["i32", "i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

const PSEUDO_TERMINAL_SYMBOLS = {
  posix_openpt: { parameters: ["i32"], result: "i32" },
  grantpt: { parameters: ["i32"], result: "i32" },
  unlockpt: { parameters: ["i32"], result: "i32" },
  ptsname_r: { parameters: ["i32", "buffer", "usize"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

const TIME_SYMBOLS = {
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
  setenv: { parameters: ["buffer", "buffer", "i32"], result: "i32" },
  unsetenv: { parameters: ["buffer"], result: "i32" },
  tzset: { parameters: [], result: "void" },
  localtime_r: { parameters: ["buffer", "buffer"], result: "pointer" },
} as const satisfies Deno.ForeignLibraryInterface;

const PROCESS_SYMBOLS = {
  flock: { parameters: ["i32", "i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

const ERROR_SYMBOLS = {
  __errno_location: { parameters: [], result: "pointer" },
  strerror: { parameters: ["i32"], result: "pointer" },
} as const satisfies Deno.ForeignLibraryInterface;

// What every agent calls at its start: looked up together, since each library that is opened takes as
// long as ten functions.
const CORE_SYMBOLS = {
  ...FREQUENT_SYMBOLS,
  ...EVENT_SYMBOLS,
  ...ERROR_SYMBOLS,
} as const satisfies Deno.ForeignLibraryInterface;

/** Flags of open(2) that have the same number on amd64 and arm64; O_DIRECTORY, for one, has not. */
export const OpenFlag = {
  RDONLY: 0,
  WRONLY: 0o1,
  RDWR: 0o2,
  CREAT: 0o100,
  EXCL: 0o200,
  NOCTTY: 0o400,
  TRUNC: 0o1000,
  APPEND: 0o2000,
  NONBLOCK: 0o4000,
  CLOEXEC: 0o2000000,
  PATH: 0o10000000,
} as const;

/** Error numbers of Linux that the agent tells apart (asm-generic/errno-base.h, errno.h). */
export const Errno = {
  ENOENT: 2,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  ENOEXEC: 8,
  EBADF: 9,
  EAGAIN: 11,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  ENOTDIR: 20,
  EINVAL: 22,
  ENOTTY: 25,
  EFBIG: 27,
  ENOSPC: 28,
  EPIPE: 32,
  ENAMETOOLONG: 36,
  ENOTSOCK: 88,
  EOPNOTSUPP: 95,
  ECONNABORTED: 103,
  ECONNRESET: 104,
  ENOBUFS: 105,
  ECONNREFUSED: 111,
  EDQUOT: 122,
} as const;

/** How often a call is made that fails with an error which it should not have; see `Libc.outcome`. */
const ERRNO_ATTEMPTS = 3;

/** A call of libc that failed. `message` is `<what>: <strerror>`, such as `open /dev/x: ...`. */
export class LibcError extends FaultError {
  override readonly name = "LibcError";
  /** The error number, one of `Errno` or another of Linux'. */
  readonly errno: number;
  /** strerror(3) of the error number. */
  readonly explanation: string;

  constructor(what: string, errno: number, explanation: string) {
    super(`${what}: ${explanation}`);
    this.errno = errno;
    this.explanation = explanation;
  }
}

/**
 * The functions of the C library that the agent calls, by family. A family is bound at its first use,
 * because each symbol costs start-up time (0.2 ms natively, 10 ms under emulation).
 */
export class Libc implements Disposable {
  readonly #opened = new Map<Deno.ForeignLibraryInterface, Family>();
  #frequent: Deno.DynamicLibrary<typeof FREQUENT_SYMBOLS> | undefined;
  #errno: Int32Array | undefined;

  /** open(2), close(2), read(2), write(2). */
  get file(): Deno.DynamicLibrary<typeof FILE_SYMBOLS>["symbols"] {
    return this.#core;
  }

  /** As `file`, and openat(2), poll(2), getdents64(2), readlink(2), for who calls them often. */
  get frequent(): Deno.DynamicLibrary<typeof FREQUENT_SYMBOLS>["symbols"] {
    return this.#frequent?.symbols ?? this.#core;
  }

  /**
   * Has Deno make machine code of the functions in `frequent`, which takes 2 MiB and more than a
   * millisecond once, and a third of the time per call from then on: a blocking client's guest-ping takes
   * 32 µs instead of 44, guest-get-disks 147 instead of 217.
   */
  compileFrequent(): void {
    if (this.#frequent !== undefined) return;
    const library = Deno.dlopen("libc.so.6", FREQUENT_SYMBOLS);
    // The first call of each can change errno, which these do not care for.
    const { symbols } = library;
    const nothing = new Uint8Array(8);
    symbols.open(nothing, OpenFlag.RDONLY, 0);
    symbols.openat(-1, nothing, OpenFlag.RDONLY, 0);
    symbols.readlink(nothing, nothing, 0n);
    symbols.read(-1, nothing, 0n);
    symbols.write(-1, nothing, 0n);
    symbols.getdents64(-1, nothing, 0n);
    symbols.poll(nothing, 0n, 0);
    symbols.close(-1);
    this.#frequent = library;
  }

  /** epoll(7), eventfd(2), inotify(7). Only epoll_wait runs off the main thread. */
  get event(): Deno.DynamicLibrary<typeof EVENT_SYMBOLS>["symbols"] {
    return this.#core;
  }

  /** termios(3). */
  get terminal(): Deno.DynamicLibrary<typeof TERMINAL_SYMBOLS>["symbols"] {
    return this.bind(TERMINAL_SYMBOLS);
  }

  /** pty(7). */
  get pseudoTerminal(): Deno.DynamicLibrary<typeof PSEUDO_TERMINAL_SYMBOLS>["symbols"] {
    return this.bind(PSEUDO_TERMINAL_SYMBOLS);
  }

  /** clock_gettime(2), tzset(3), localtime(3), setenv(3). */
  get time(): Deno.DynamicLibrary<typeof TIME_SYMBOLS>["symbols"] {
    return this.bind(TIME_SYMBOLS);
  }

  /** flock(2). */
  get process(): Deno.DynamicLibrary<typeof PROCESS_SYMBOLS>["symbols"] {
    return this.bind(PROCESS_SYMBOLS);
  }

  /** errno of the call that was made just before on this thread; not of a nonblocking one. */
  errno(): number {
    return this.#errno?.[0] ?? 0;
  }

  /** strerror(3): the text of an error number. */
  explain(errno: number): string {
    const text = this.#core.strerror(errno);
    return text === null ? `error ${errno}` : Deno.UnsafePointerView.getCString(text);
  }

  /** The error of the call that was made just before on this thread. */
  lastError(what: string): LibcError {
    return this.errorOf(this.errno(), what);
  }

  /** The error for an error number. */
  errorOf(errno: number, what: string): LibcError {
    return new LibcError(what, errno, this.explain(errno));
  }

  /**
   * Makes a call whose errno decides what happens next. Deno can change errno between a call and the
   * look at it, so one that is not `expected` is believed only when the call, made again and again,
   * fails each time. A call that may not be made twice is not for this.
   *
   * @returns the result, or minus the errno
   */
  outcome(call: () => number, expected: readonly number[]): number {
    for (let attempt = 1;; attempt++) {
      const result = call();
      if (result >= 0) return result;
      const errno = this.errno();
      if (attempt === ERRNO_ATTEMPTS || expected.includes(errno)) return -errno;
    }
  }

  /** Gives the result of a call back, or throws what it failed with when it is negative. */
  check(result: number, what: string): number {
    if (result < 0) throw this.lastError(what);
    return result;
  }

  /** Closes the library; nothing of it may be called afterwards. */
  [Symbol.dispose](): void {
    for (const library of this.#opened.values()) library.close();
    this.#opened.clear();
    this.#frequent?.close();
    this.#frequent = undefined;
  }

  /**
   * `CORE_SYMBOLS`, with errno at hand. A thread's errno never moves, and a `Libc` is used by one thread.
   * It is read as memory: a call of Deno that reads it can change it.
   */
  get #core(): Deno.DynamicLibrary<typeof CORE_SYMBOLS>["symbols"] {
    const symbols = this.bind(CORE_SYMBOLS);
    if (this.#errno === undefined) {
      const location = symbols.__errno_location();
      if (location === null) throw new Error("libc.so.6 has no errno");
      this.#errno = new Int32Array(Deno.UnsafePointerView.getArrayBuffer(location, 4));
    }
    return symbols;
  }

  /** The functions of a family that one module alone uses, which declares them once. */
  bind<S extends Deno.ForeignLibraryInterface>(symbols: S): Deno.DynamicLibrary<S>["symbols"] {
    let library = this.#opened.get(symbols);
    if (library === undefined) {
      // Found before it is needed: looking for it after a failed call could change errno.
      if (!Object.is(symbols, CORE_SYMBOLS)) void this.#core;
      library = openFamily(symbols);
      this.#opened.set(symbols, library);
    }
    // It was bound with these very symbols, all of which are functions.
    return library.symbols as Deno.DynamicLibrary<S>["symbols"];
  }
}

interface Family {
  readonly symbols: Readonly<Record<string, (...values: never[]) => unknown>>;
  close(): void;
}

/**
 * Looks functions up and calls them by their address. Declared as functions, Deno would make machine
 * code for each of them: 2 MiB of memory and 0.2 ms a symbol, against 2 microseconds more a call.
 */
function openFamily(declarations: Deno.ForeignLibraryInterface): Family {
  const names = Object.keys(declarations);
  const library = Deno.dlopen(
    "libc.so.6",
    Object.fromEntries(names.map((name) => [name, { type: "pointer" }] as const)),
  );
  const symbols = Object.entries(declarations).map(([name, declaration]) => {
    const address = library.symbols[name] ?? null;
    if (address === null || !("parameters" in declaration)) {
      throw new Error(`libc.so.6 has no function ${name}`);
    }
    const typed = Deno.UnsafePointer.create<typeof declaration>(Deno.UnsafePointer.value(address));
    if (typed === null) throw new Error(`libc.so.6 has ${name} at address 0`);
    const pointer = new Deno.UnsafeFnPointer(typed, declaration);
    return [name, pointer.call.bind(pointer)] as const;
  });
  return { symbols: Object.fromEntries(symbols), close: () => library.close() };
}

const encoder = new TextEncoder();

/** A string as C wants it: UTF-8 with a NUL at its end. */
export function cString(text: string): Uint8Array<ArrayBuffer> {
  return encoder.encode(`${text}\0`);
}
