import type { TalosCall } from "./fake_talos_api_messages.ts";
import { freePort } from "../free_port.ts";
import { TalosCallLog } from "./call_log.ts";
import { TemporaryDirectory } from "../temporary_directory.ts";
import { PROJECT } from "../project.ts";

/** The client certificates that `Realapid` comes with. */
export type RealapidRole = "admin" | "operator" | "reader" | "none";

/** How a `Realapid` is set up. */
export interface RealapidOptions {
  /** Address to listen on. Default 127.0.0.1. */
  readonly host?: string;
  /** Default: any free port. */
  readonly port?: number;
  /** Addresses in the server's certificate. Default 127.0.0.1. */
  readonly ips?: readonly string[];
  /** How long the client certificates are valid, such as `2s`. Default 24 hours. */
  readonly ttl?: string;
  /** The method that fails. */
  readonly fail?: "Shutdown" | "Reboot";
}

/**
 * Talos' own apid as a subprocess, with a machine service behind it that only writes down what it
 * is asked (Shutdown and Reboot; it has no Hostname). It must run as root, and because its sockets
 * have fixed paths only one can run at a time.
 */
export class Realapid implements AsyncDisposable {
  /** The calls that passed its role check. */
  readonly calls = new TalosCallLog();
  /** `HOST:PORT`, as `--talos-endpoint` takes it. */
  readonly endpoint: string;

  readonly #directory: TemporaryDirectory;
  readonly #process: Deno.ChildProcess;
  readonly #poll: ReturnType<typeof setInterval>;
  #read = 0;

  private constructor(
    endpoint: string,
    directory: TemporaryDirectory,
    process: Deno.ChildProcess,
  ) {
    this.endpoint = endpoint;
    this.#directory = directory;
    this.#process = process;
    this.#poll = setInterval(() => this.#readCalls(), 20);
  }

  /**
   * Starts it and waits until it answers.
   *
   * @throws Error when the program is missing, or not ready within 10 seconds.
   */
  static async start(options: RealapidOptions = {}): Promise<Realapid> {
    const program = await findRealapid();
    const directory = await TemporaryDirectory.create();
    const host = options.host ?? "127.0.0.1";
    const endpoint = `${host}:${options.port ?? freePort(host)}`;
    const process = new Deno.Command(program, {
      args: [
        ...["-dir", directory.path, "-listen", endpoint],
        ...(options.ips === undefined ? [] : ["-ips", options.ips.join(",")]),
        ...(options.ttl === undefined ? [] : ["-ttl", options.ttl]),
        ...(options.fail === undefined ? [] : ["-fail", options.fail]),
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const api = new Realapid(endpoint, directory, process);
    try {
      await api.#ready();
    } catch (error) {
      await api[Symbol.asyncDispose]();
      throw error;
    }
    return api;
  }

  /** Path of the talosconfig with a client certificate of that role. */
  talosconfigPath(role: RealapidRole): string {
    return `${this.#directory.path}/talosconfig-${role}`;
  }

  /** Stops it, waits until it is gone and removes its files. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#poll);
    this.#process.kill("SIGKILL");
    await this.#process.status;
    this.calls.end();
    await this.#directory[Symbol.asyncDispose]();
  }

  async #ready(): Promise<void> {
    const [hostname = "", port] = this.endpoint.split(":");
    for (const deadline = Date.now() + 10_000; Date.now() < deadline;) {
      try {
        await Deno.stat(`${this.#directory.path}/ready`);
        (await Deno.connect({ hostname, port: Number(port) })).close();
        return;
      } catch (error) {
        const waiting = error instanceof Deno.errors.NotFound ||
          error instanceof Deno.errors.ConnectionRefused;
        if (!waiting) throw error;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
    throw new Error("realapid was not ready within 10 s; does it run as root?");
  }

  #readCalls(): void {
    let text: string;
    try {
      text = Deno.readTextFileSync(`${this.#directory.path}/requests.jsonl`);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      throw error;
    }
    // What follows the last newline is a line that is still being written.
    const lines = text.split("\n").slice(0, -1);
    for (const line of lines.slice(this.#read)) {
      const { method, request, time } = JSON.parse(line);
      const call: TalosCall = { method, request: request ?? {}, time: String(time) };
      this.calls.push(call);
    }
    this.#read = lines.length;
  }
}

/**
 * Path of the program: `REALAPID`, else `.tools/bin/realapid` of this checkout, else on PATH.
 *
 * @throws Error when there is none.
 */
export async function findRealapid(): Promise<string> {
  const local = `${PROJECT}/.tools/bin/realapid`;
  const onPath = (Deno.env.get("PATH") ?? "").split(":").map((folder) => `${folder}/realapid`);
  for (const path of [Deno.env.get("REALAPID") ?? "", local, ...onPath]) {
    if (path === "") continue;
    try {
      if ((await Deno.stat(path)).isFile) return path;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  throw new Error("realapid is missing: set REALAPID to its path, or leave out realapid_test.ts");
}
