import { FaultError } from "../fault.ts";
import type { GrowingBytes } from "../memory/growing_bytes.ts";
import { inMebibytes, type MemoryLimits, QEMU_LIMITS } from "../memory/memory_limits.ts";
import type { Log } from "../log/log.ts";
import { CapturedOutput } from "./captured_output.ts";
import { Epoll, EpollEvent } from "../linux/epoll.ts";
import { Errno, type Libc, LibcError, OpenFlag } from "../linux/libc.ts";
import { spawn } from "../linux/spawn.ts";

const F_SETFL = 4;
const WNOHANG = 1;
const SIGKILL = 9;
// The C library has a function for it since 2.36 only.
const SYS_PIDFD_OPEN = 434n;

const PATH_MAX = 4096;
const READ_SIZE = 64 * 1024;
const WRITE_SIZE = 64 * 1024;
/** After these a pipe is looked at again later. */
const TEMPORARY: readonly number[] = [Errno.EAGAIN, Errno.EINTR];
/** So often a pipe is read or written before the others and the rest of the agent have their turn. */
const TRANSFERS_A_TURN = 16;
/** Results that nobody has asked for. */
const MOST_RESULTS = 1024;

const PROCESS_SYMBOLS = {
  pipe2: { parameters: ["buffer", "i32"], result: "i32" },
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  waitpid: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  kill: { parameters: ["i32", "i32"], result: "i32" },
  syscall: { parameters: ["i64", "i64", "i64"], result: "i64" },
} as const satisfies Deno.ForeignLibraryInterface;

/** Which output is kept; `merged` is both in the order of writing. The rest goes to `/dev/null`. */
export const CAPTURE_MODES = ["none", "stdout", "stderr", "separated", "merged"] as const;

/** One of `CAPTURE_MODES`. */
export type CaptureMode = (typeof CAPTURE_MODES)[number];

/** A program to run. */
export interface ProcessRequest {
  /** Its path, or its name in PATH; as the agent's mount namespace has it, not the host's. */
  readonly path: string;
  readonly args: readonly string[];
  /** The whole environment, each as `NAME=value`; undefined for the agent's own. */
  readonly env: readonly string[] | undefined;
  /** What it reads on standard input; undefined for `/dev/null`. */
  readonly input: GrowingBytes | undefined;
  readonly capture: CaptureMode;
}

/** What is known of a process whose output has ended. Disposing gives the output's memory back. */
export interface ProcessResult extends Disposable {
  /** Its exit status; undefined when a signal killed it. */
  readonly exitCode: number | undefined;
  /** The signal that killed it. */
  readonly signal: number | undefined;
  /** Undefined where it was not captured. With `merged` all is in `stdout`. */
  readonly stdout: CapturedOutput | undefined;
  readonly stderr: CapturedOutput | undefined;
}

/** What `GuestProcesses` keeps at most. */
export interface ProcessLimits
  extends Pick<MemoryLimits, "streamBytes" | "programsBytes" | "reason"> {
  /** Results that nobody has asked for; 1024 when left out. */
  readonly results?: number;
}

/** A program cannot be executed; the message is GLib's. */
export class SpawnError extends FaultError {
  override readonly name = "SpawnError";

  constructor(path: string, explanation: string, options?: ErrorOptions) {
    super(
      `Failed to execute child process \u201c${path}\u201d (${explanation})`,
      undefined,
      options,
    );
  }
}

/** There is no memory for a program's input. */
export class InputTooLargeError extends FaultError {
  override readonly name = "InputTooLargeError";
}

interface GuestProcess {
  readonly pid: number;
  readonly stdout: CapturedOutput | undefined;
  readonly stderr: CapturedOutput | undefined;
  /** Output pipes that are not at their end. */
  readonly outputs: Set<number>;
  exit: Exit | undefined;
}

type Exit = Pick<ProcessResult, "exitCode" | "signal">;

/**
 * The programs that clients have started. Each is reaped as soon as it ends, its output is read as it
 * comes, and its result is kept until somebody asks. Nobody may ever ask: beyond the limit of results the
 * oldest is dropped. Input and output of all share one limit of memory, beyond which the output of the
 * oldest result is dropped, or else a running program's is cut off.
 *
 * Deno.Command cannot give a child one pipe for both of its outputs, which `merged` needs; hence
 * posix_spawn(3). One epoll(7) watches all pipes and, as pidfds, all processes, so that no number of
 * programs takes more than one thread of Deno's pool.
 */
export class GuestProcesses implements AsyncDisposable {
  readonly #libc: Libc;
  readonly #log: Log;
  readonly #limits: ProcessLimits;
  readonly #processes = new Map<number, GuestProcess>();
  /** Those whose result can be asked for, the oldest first. */
  readonly #finished = new Set<GuestProcess>();
  /** What to do when something happens to a descriptor. All in it are open and ours. */
  readonly #handlers = new Map<number, () => void>();
  readonly #chunk = new Uint8Array(READ_SIZE);
  /** Input and output that is in memory, in bytes. */
  #held = 0;
  #watch: { readonly epoll: Epoll; readonly ended: Promise<void> } | undefined;

  constructor(libc: Libc, log: Log, limits: ProcessLimits = QEMU_LIMITS) {
    this.#libc = libc;
    this.#log = log;
    this.#limits = limits;
  }

  /**
   * Starts a program. A script without interpreter is run by the shell, as execvp(3) does.
   *
   * @returns its process id; `input` is disposed of when it has been read, or is not wanted
   * @throws SpawnError when it cannot be executed; InputTooLargeError; LibcError at the limit of open
   * files and the like
   */
  start({ path, args, env, input, capture }: ProcessRequest): number {
    // Megabytes need not be copied and logged to be refused.
    if (path.length > PATH_MAX) {
      throw new SpawnError(path, this.#libc.explain(Errno.ENAMETOOLONG));
    }
    if (input !== undefined) this.#checkRoomFor(input);
    this.#watch ??= this.#startWatching();
    using childEnds = new DisposableStack();
    using ownEnds = new DisposableStack();
    const pipe = (direction: "input" | "output", wanted: boolean): Pipe | undefined =>
      wanted ? this.#pipe(direction, childEnds, ownEnds) : undefined;
    const stdin = pipe("input", input !== undefined);
    const stdout = pipe("output", capture !== "none" && capture !== "stderr");
    const separate = pipe("output", capture === "stderr" || capture === "separated");
    const stderr = capture === "merged" ? stdout : separate;

    // Shows, before anything runs, that the program can be watched.
    this.#libc.file.close(this.#pidfd(Deno.pid));
    const pid = this.#spawn(path, {
      path,
      args,
      env: env ?? ownEnvironment(),
      stdio: [stdin?.child ?? null, stdout?.child ?? null, stderr?.child ?? null],
    });
    const { streamBytes } = this.#limits;
    const process: GuestProcess = {
      pid,
      stdout: stdout && new CapturedOutput(streamBytes),
      stderr: separate && new CapturedOutput(streamBytes),
      outputs: new Set(),
      exit: undefined,
    };
    const { epoll } = this.#watch;
    try {
      const pidfd = this.#pidfd(pid);
      ownEnds.defer(() => this.#libc.file.close(pidfd));
      epoll.add(pidfd, EpollEvent.IN);
      for (const pipe of [stdout, separate]) {
        if (pipe !== undefined) epoll.add(pipe.own, EpollEvent.IN);
      }
      if (stdin !== undefined) epoll.add(stdin.own, EpollEvent.OUT);
      this.#handlers.set(pidfd, () => this.#reap(process, pidfd));
    } catch (error) {
      // It can neither be waited for nor read.
      this.#kill(pid);
      throw error;
    }
    ownEnds.move();
    this.#forget(pid);
    this.#processes.set(pid, process);
    if (stdout !== undefined) this.#readFrom(stdout.own, process.stdout, process);
    if (separate !== undefined) this.#readFrom(separate.own, process.stderr, process);
    if (stdin !== undefined && input !== undefined) this.#feed(stdin.own, input);
    this.#log.info("program started", { path, arguments: args.length, pid });
    return pid;
  }

  /**
   * How a process is: `running` also while somebody else, its own child perhaps, holds its output
   * open. A result is given once, then it is forgotten.
   *
   * @returns undefined when no such process was started, or its result was given or dropped
   */
  status(pid: number): ProcessResult | "running" | undefined {
    const process = this.#processes.get(pid);
    if (process === undefined) return undefined;
    if (process.exit === undefined || process.outputs.size > 0) return "running";
    this.#processes.delete(pid);
    this.#finished.delete(process);
    const { exit, stdout, stderr } = process;
    return { ...exit, stdout, stderr, [Symbol.dispose]: () => this.#release(process) };
  }

  /** Closes the pipes. Programs that run go on. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#watch === undefined) return;
    const { epoll, ended } = this.#watch;
    this.#watch = undefined;
    epoll.stop();
    await ended;
    epoll[Symbol.dispose]();
    for (const fd of this.#handlers.keys()) this.#libc.file.close(fd);
    this.#handlers.clear();
  }

  #startWatching(): { epoll: Epoll; ended: Promise<void> } {
    const epoll = new Epoll(this.#libc);
    const serve = async (): Promise<void> => {
      // Late events of a descriptor that has been closed meanwhile have no handler, or that of a new
      // one with its number, which finds nothing to do.
      for (let events = await epoll.wait(); events !== undefined; events = await epoll.wait()) {
        for (const { fd } of events) this.#handlers.get(fd)?.();
      }
    };
    return { epoll, ended: serve() };
  }

  #symbols(): Deno.DynamicLibrary<typeof PROCESS_SYMBOLS>["symbols"] {
    return this.#libc.bind(PROCESS_SYMBOLS);
  }

  /** A pipe whose own end does not block; both ends are closed with their stacks. */
  #pipe(direction: "input" | "output", childEnds: DisposableStack, ownEnds: DisposableStack): Pipe {
    const { pipe2, fcntl } = this.#symbols();
    const { close } = this.#libc.file;
    const fds = new Int32Array(2);
    this.#libc.check(pipe2(new Uint8Array(fds.buffer), OpenFlag.CLOEXEC), "pipe2");
    const [reader = -1, writer = -1] = fds;
    const own = direction === "input" ? writer : reader;
    const child = direction === "input" ? reader : writer;
    ownEnds.defer(() => close(own));
    childEnds.defer(() => close(child));
    this.#libc.check(fcntl(own, F_SETFL, OpenFlag.NONBLOCK), "fcntl");
    return { own, child };
  }

  #spawn(path: string, program: Parameters<typeof spawn>[1]): number {
    try {
      return spawn(this.#libc, program, Deno.env.get("PATH"));
    } catch (error) {
      if (!(error instanceof LibcError)) throw error;
      const failure = new SpawnError(path, this.#libc.explain(error.errno), { cause: error });
      this.#log.info("program not started", { path, error: failure.message });
      throw failure;
    }
  }

  #pidfd(pid: number): number {
    const fd = Number(this.#symbols().syscall(SYS_PIDFD_OPEN, BigInt(pid), 0n));
    return this.#libc.check(fd, "pidfd_open");
  }

  #kill(pid: number): void {
    const { kill, waitpid } = this.#symbols();
    kill(pid, SIGKILL);
    waitpid(pid, new Uint8Array(4), 0);
  }

  #reap(process: GuestProcess, pidfd: number): void {
    const status = new Int32Array(1);
    const bytes = new Uint8Array(status.buffer);
    const pid = this.#symbols().waitpid(process.pid, bytes, WNOHANG);
    if (pid === 0) return;
    this.#close(pidfd);
    process.exit = pid < 0
      // The agent was started with SIGCHLD ignored: the kernel reaps, and tells nothing.
      ? { exitCode: undefined, signal: undefined }
      : exitOf(status[0] ?? 0);
    this.#finishIfDone(process);
  }

  #readFrom(fd: number, output: CapturedOutput | undefined, process: GuestProcess): void {
    process.outputs.add(fd);
    this.#handlers.set(fd, () => {
      for (let turn = 0; turn < TRANSFERS_A_TURN; turn++) {
        const count = this.#libc.outcome(
          () => this.#libc.file.read(fd, this.#chunk, BigInt(READ_SIZE)),
          TEMPORARY,
        );
        if (count > 0) {
          if (output !== undefined) this.#capture(output, this.#chunk.subarray(0, count));
          continue;
        }
        if (TEMPORARY.includes(-count)) return;
        process.outputs.delete(fd);
        this.#close(fd);
        this.#finishIfDone(process);
        return;
      }
    });
  }

  #capture(output: CapturedOutput, bytes: Uint8Array): void {
    const count = this.#roomFor(output.roomFor(bytes.length));
    output.append(bytes, count);
    this.#held += count;
  }

  /** How many of so many more bytes there is memory for; the oldest results give theirs. */
  #roomFor(count: number): number {
    const { programsBytes } = this.#limits;
    for (const oldest of this.#finished) {
      if (this.#held + count <= programsBytes) return count;
      if (outputSize(oldest) === 0) continue;
      this.#held -= outputSize(oldest);
      oldest.stdout?.drop();
      oldest.stderr?.drop();
      this.#log.warn("a program's output is dropped, nobody has asked for it", { pid: oldest.pid });
    }
    return Math.min(count, programsBytes - this.#held);
  }

  #checkRoomFor(input: GrowingBytes): void {
    if (this.#roomFor(input.length) === input.length) return;
    const { programsBytes, reason } = this.#limits;
    throw new InputTooLargeError(
      `there is no room for input-data of ${
        inMebibytes(input.length)
      }: programs' input and output ` +
        `can take ${inMebibytes(programsBytes)} in all${
          reason === undefined ? "" : `, ${reason}`
        }; ` +
        "wait until programs that run have read theirs, and ask for results by guest-exec-status",
    );
  }

  #release(process: GuestProcess): void {
    this.#held -= outputSize(process);
    process.stdout?.[Symbol.dispose]();
    process.stderr?.[Symbol.dispose]();
  }

  #feed(fd: number, input: GrowingBytes): void {
    const { length } = input;
    this.#held += length;
    let offset = 0;
    const close = () => {
      this.#close(fd);
      this.#held -= length;
      input[Symbol.dispose]();
    };
    const write = () => {
      for (let turn = 0; turn < TRANSFERS_A_TURN && offset < length; turn++) {
        const chunk = input.bytes.subarray(offset, offset + WRITE_SIZE);
        const count = this.#libc.outcome(
          () => this.#libc.file.write(fd, chunk, BigInt(chunk.length)),
          TEMPORARY,
        );
        if (count < 0) {
          if (TEMPORARY.includes(-count)) return;
          // EPIPE: the program does not want it.
          close();
          return;
        }
        offset += count;
      }
      if (offset === length) close();
    };
    this.#handlers.set(fd, write);
    write();
  }

  #close(fd: number): void {
    this.#handlers.delete(fd);
    this.#watch?.epoll.remove(fd);
    this.#libc.file.close(fd);
  }

  #finishIfDone(process: GuestProcess): void {
    if (process.exit === undefined || process.outputs.size > 0) return;
    this.#finished.add(process);
    const { results = MOST_RESULTS } = this.#limits;
    for (const oldest of this.#finished) {
      if (this.#finished.size <= results) break;
      this.#forget(oldest.pid);
      this.#log.warn("a program's result is dropped, nobody has asked for it", { pid: oldest.pid });
    }
  }

  /** Drops what is known of a process, also when its number is in use again. */
  #forget(pid: number): void {
    const process = this.#processes.get(pid);
    if (process === undefined) return;
    this.#processes.delete(pid);
    this.#finished.delete(process);
    for (const fd of process.outputs) this.#close(fd);
    process.outputs.clear();
    this.#release(process);
  }
}

/** A pipe's two ends. */
interface Pipe {
  readonly own: number;
  readonly child: number;
}

function outputSize({ stdout, stderr }: GuestProcess): number {
  return (stdout?.kept.length ?? 0) + (stderr?.kept.length ?? 0);
}

function ownEnvironment(): string[] {
  return Object.entries(Deno.env.toObject()).map(([name, value]) => `${name}=${value}`);
}

/** Takes the status of wait(2) apart. */
function exitOf(status: number): Exit {
  const signal = status & 0x7f;
  return signal === 0
    ? { exitCode: (status >> 8) & 0xff, signal: undefined }
    : { exitCode: undefined, signal };
}
