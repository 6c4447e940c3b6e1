import { cString, Errno, type Libc, LibcError, OpenFlag } from "./libc.ts";

const SPAWN_SYMBOLS = {
  posix_spawn: {
    parameters: ["buffer", "buffer", "buffer", "buffer", "buffer", "buffer"],
    result: "i32",
  },
  posix_spawn_file_actions_init: { parameters: ["buffer"], result: "i32" },
  posix_spawn_file_actions_destroy: { parameters: ["buffer"], result: "i32" },
  posix_spawn_file_actions_adddup2: { parameters: ["buffer", "i32", "i32"], result: "i32" },
  posix_spawn_file_actions_addopen: {
    parameters: ["buffer", "i32", "buffer", "i32", "u32"],
    result: "i32",
  },
  posix_spawn_file_actions_addclosefrom_np: { parameters: ["buffer", "i32"], result: "i32" },
  posix_spawnattr_init: { parameters: ["buffer"], result: "i32" },
  posix_spawnattr_destroy: { parameters: ["buffer"], result: "i32" },
  posix_spawnattr_setflags: { parameters: ["buffer", "i16"], result: "i32" },
  posix_spawnattr_setsigdefault: { parameters: ["buffer", "buffer"], result: "i32" },
  posix_spawnattr_setsigmask: { parameters: ["buffer", "buffer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

// Room for posix_spawn_file_actions_t (80 bytes), posix_spawnattr_t (336) and sigset_t (128).
const OPAQUE_SIZE = 512;
const SIGNAL_SET_SIZE = 128;
const POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08;
const POINTER_SIZE = 8;
const SHELL = "/bin/sh";
const DEFAULT_SEARCH_PATH = "/bin:/usr/bin";

/** A program to start. */
export interface Program {
  /** Where it is; looked for in PATH when there is no slash in it. It is `argv[0]`, too. */
  readonly path: string;
  /** `argv[1]` and so on. */
  readonly args: readonly string[];
  /** The whole environment, each as `NAME=value`. */
  readonly env: readonly string[];
  /** The descriptors that become standard input, output and error; `null` is `/dev/null`. */
  readonly stdio: readonly [stdin: number | null, stdout: number | null, stderr: number | null];
}

/**
 * Starts a program (posix_spawn(3)). It gets its three standard descriptors and no other one, all
 * signals at their defaults and unblocked, and the agent's directory and session.
 *
 * @param searchPath what PATH is when `env` has none; undefined for the system's default
 * @returns its process id; it is the caller's to wait for
 * @throws LibcError when it cannot be executed
 */
export function spawn(libc: Libc, program: Program, searchPath: string | undefined): number {
  const symbols = libc.bind(SPAWN_SYMBOLS);
  const env = pointerTable(program.env);
  const actions = new Uint8Array(OPAQUE_SIZE);
  const attributes = new Uint8Array(OPAQUE_SIZE);
  const what = `execute ${program.path}`;
  const check = (errno: number): void => {
    if (errno !== 0) throw new LibcError(what, errno, libc.explain(errno));
  };
  check(symbols.posix_spawn_file_actions_init(actions));
  check(symbols.posix_spawnattr_init(attributes));
  try {
    for (const [target, fd] of program.stdio.entries()) {
      check(
        fd === null
          ? symbols.posix_spawn_file_actions_addopen(
            actions,
            target,
            cString("/dev/null"),
            OpenFlag.RDWR,
            0,
          )
          : symbols.posix_spawn_file_actions_adddup2(actions, fd, target),
      );
    }
    check(symbols.posix_spawn_file_actions_addclosefrom_np(actions, program.stdio.length));
    const all = new Uint8Array(SIGNAL_SET_SIZE).fill(0xff);
    check(symbols.posix_spawnattr_setsigdefault(attributes, all));
    check(symbols.posix_spawnattr_setsigmask(attributes, new Uint8Array(SIGNAL_SET_SIZE)));
    const flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
    check(symbols.posix_spawnattr_setflags(attributes, flags));

    const execute = (path: string, argv: readonly string[]): number | LibcError => {
      const pid = new Uint8Array(4);
      const errno = symbols.posix_spawn(
        pid,
        cString(path),
        actions,
        attributes,
        pointerTable(argv),
        env,
      );
      if (errno !== 0) return new LibcError(what, errno, libc.explain(errno));
      return new DataView(pid.buffer).getInt32(0, true);
    };
    return executeFirst(program, searchPath, execute);
  } finally {
    symbols.posix_spawn_file_actions_destroy(actions);
    symbols.posix_spawnattr_destroy(attributes);
  }
}

/**
 * Tries the places where the program may be, as execvp(3) does: one that is not there or not allowed
 * is passed over, and a script without interpreter is the shell's. posix_spawnp(3) does neither with
 * the child's own PATH.
 */
function executeFirst(
  { path, args, env }: Program,
  searchPath: string | undefined,
  execute: (path: string, argv: readonly string[]) => number | LibcError,
): number {
  let failure: LibcError | undefined;
  for (const candidate of candidates(path, env, searchPath)) {
    const result = execute(candidate, [path, ...args]);
    if (typeof result === "number") return result;
    if (result.errno === Errno.ENOEXEC) {
      const shell = execute(SHELL, [SHELL, candidate, ...args]);
      if (typeof shell === "number") return shell;
      throw result;
    }
    if (result.errno === Errno.EACCES) failure = result;
    else if (result.errno !== Errno.ENOENT && result.errno !== Errno.ENOTDIR) throw result;
    else if (failure?.errno !== Errno.EACCES) failure = result;
  }
  throw failure;
}

function candidates(
  path: string,
  env: readonly string[],
  searchPath: string | undefined,
): string[] {
  if (path === "" || path.includes("/")) return [path];
  const own = env.find((variable) => variable.startsWith("PATH="))?.slice("PATH=".length);
  const directories = (own ?? searchPath ?? DEFAULT_SEARCH_PATH).split(":");
  return directories.map((directory) => directory === "" ? path : `${directory}/${path}`);
}

/** Strings as C wants a list of them: pointers, a null pointer, then in the same memory the strings. */
function pointerTable(texts: readonly string[]): Uint8Array<ArrayBuffer> {
  const strings = texts.map(cString);
  const tableSize = (strings.length + 1) * POINTER_SIZE;
  const memory = new Uint8Array(
    new ArrayBuffer(strings.reduce((size, { length }) => size + length, tableSize)),
  );
  const start = Deno.UnsafePointer.value(Deno.UnsafePointer.of(memory));
  const view = new DataView(memory.buffer);
  let offset = tableSize;
  for (const [index, bytes] of strings.entries()) {
    view.setBigUint64(index * POINTER_SIZE, start + BigInt(offset), true);
    memory.set(bytes, offset);
    offset += bytes.length;
  }
  return memory;
}
