/**
 * A program in the background whose output goes to a file. It is killed when it is disposed, and also
 * when this process dies in any other way.
 */
export class Daemon implements AsyncDisposable {
  readonly #name: string;
  readonly #logfile: string;
  readonly #process: Deno.ChildProcess;
  #ended = false;

  /** Starts it. */
  constructor(program: string, args: readonly string[], logfile: string) {
    this.#name = program.slice(program.lastIndexOf("/") + 1);
    this.#logfile = logfile;
    this.#process = new Deno.Command("setpriv", {
      args: [
        ...["--pdeathsig", "KILL", "--"],
        // A pipe would have to be read all the time, by a test that knows nothing of it.
        ...["sh", "-c", `exec "$@" >'${logfile}' 2>&1`, "sh", program, ...args],
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    this.#process.status.then(() => this.#ended = true);
  }

  /** @throws {Error} with the end of its log, if it has ended by itself. */
  checkAlive(): void {
    if (this.#ended) throw new Error(`${this.#name} ended:\n${this.lastLines()}`);
  }

  /** The end of its log. */
  lastLines(): string {
    return Deno.readTextFileSync(this.#logfile).trimEnd().split("\n").slice(-20).join("\n");
  }

  /** SIGTERM, then SIGKILL when it has not ended after `patienceMs`. */
  async stop(patienceMs: number): Promise<void> {
    this.#signal("SIGTERM");
    const timer = setTimeout(() => this.#signal("SIGKILL"), patienceMs);
    await this.#process.status;
    clearTimeout(timer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal("SIGKILL");
    await this.#process.status;
  }

  #signal(signal: Deno.Signal): void {
    if (!this.#ended) this.#process.kill(signal);
  }
}
