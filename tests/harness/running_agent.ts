import { GuestAgentClient } from "./qemu/guest_agent_client.ts";

/** What scripts/compile makes. */
export const EXECUTABLE = "dist/qemu-ga-talos";

/**
 * An agent, compiled, that serves a unix socket in a directory of its own. Both are gone when it is
 * disposed.
 */
export class RunningAgent implements AsyncDisposable {
  /** The directory, which was made or given. */
  readonly directory: string;
  /** Path of the socket in it. */
  readonly socket: string;
  readonly #process: Deno.ChildProcess;
  readonly #log: Promise<string>;

  private constructor(
    directory: string,
    options: readonly string[],
    env: Record<string, string>,
    [program = EXECUTABLE, ...args]: readonly string[],
  ) {
    this.directory = directory;
    this.socket = `${directory}/agent.sock`;
    this.#process = new Deno.Command(program, {
      args: [...args, "-m", "unix-listen", "-p", this.socket, ...options],
      // Agents side by side would fight for the port.
      env: { QGA_LISTEN_ADDRESS: "none", ...env },
      stderr: "piped",
    }).spawn();
    this.#log = new Response(this.#process.stderr).text();
  }

  /** Starts one with these options in a new directory, and waits until it answers. */
  static async start(...options: string[]): Promise<RunningAgent> {
    return await RunningAgent.startIn(await Deno.makeTempDir(), options);
  }

  /**
   * Starts one in this directory, which it removes in the end, and waits until it answers. `command` is
   * what runs, with what comes before the options.
   */
  static async startIn(
    directory: string,
    options: readonly string[],
    env: Record<string, string> = {},
    command: readonly string[] = [EXECUTABLE],
  ): Promise<RunningAgent> {
    const agent = new RunningAgent(directory, options, env, command);
    for (;;) {
      // A killed agent's socket refuses connections until the new one has replaced it.
      try {
        await using client = await agent.client();
        await client.sync();
        return agent;
      } catch (error) {
        if (error instanceof Deno.errors.ConnectionRefused) continue;
        await agent[Symbol.asyncDispose]();
        throw error;
      }
    }
  }

  /** Its process id. */
  get pid(): number {
    return this.#process.pid;
  }

  /** A new client of it. */
  client(): Promise<GuestAgentClient> {
    return GuestAgentClient.connect(this.socket);
  }

  /** Ends the agent and gives its status, its log, and how long it took in milliseconds. */
  async stop(signal: Deno.Signal): Promise<{ code: number; log: string; milliseconds: number }> {
    const started = performance.now();
    this.#process.kill(signal);
    const { code } = await this.#process.status;
    const milliseconds = performance.now() - started;
    return { code, log: await this.#log, milliseconds };
  }

  /** Kills it, if it still runs, and removes its directory. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#process.kill("SIGKILL");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
    }
    await this.#process.status;
    await this.#log;
    if (exists(this.directory)) await Deno.remove(this.directory, { recursive: true });
  }
}

/** Whether there is something by that name, be it a link that leads nowhere. */
export function exists(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}
