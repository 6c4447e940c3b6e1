import { TemporaryDirectory } from "../tests/harness/temporary_directory.ts";

/** An agent on a unix socket of this machine. It is killed when it is disposed of. */
export class LocalAgent implements AsyncDisposable {
  /** The socket it serves. */
  readonly socket: string;
  /** Its process. */
  readonly pid: number;
  /** When it was started, as `performance.now()` has it. */
  readonly started: number;

  readonly #process: Deno.ChildProcess;
  readonly #directory: TemporaryDirectory;

  private constructor(
    started: number,
    process: Deno.ChildProcess,
    directory: TemporaryDirectory,
  ) {
    this.socket = `${directory.path}/socket`;
    this.pid = process.pid;
    this.started = started;
    this.#process = process;
    this.#directory = directory;
  }

  /**
   * Starts ours or qemu-ga, which take the same options; does not wait for it.
   *
   * @param environment variables for it; it gets no others
   */
  static async start(
    program: string,
    options: readonly string[] = [],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<LocalAgent> {
    const directory = await TemporaryDirectory.create();
    const { path } = directory;
    const command = new Deno.Command(program, {
      args: [
        ...["-m", "unix-listen", "-p", `${path}/socket`, "-t", path, "-f", `${path}/pid`],
        ...options,
      ],
      // What the scripts set for Deno is not there where the agent is used. HTTP is for the rows that
      // measure it.
      clearEnv: true,
      env: { QGA_LISTEN_ADDRESS: "none", ...environment },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    });
    const started = performance.now();
    return new LocalAgent(started, command.spawn(), directory);
  }

  /** A number of MiB of /proc/PID/status, such as `VmRSS`. */
  async memoryMiB(field: "VmRSS" | "RssAnon"): Promise<number> {
    const status = await Deno.readTextFile(`/proc/${this.pid}/status`);
    return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) / 1024;
  }

  /** Kills it, waits until it is gone and removes what it left. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch (error) {
      // It has ended by itself.
      if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
    }
    await this.#process.status;
    await this.#directory[Symbol.asyncDispose]();
  }
}
