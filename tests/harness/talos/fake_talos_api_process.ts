import type {
  FakeTalosApiConfig,
  FakeTalosApiLine,
  FaultScript,
} from "./fake_talos_api_messages.ts";
import { type Authority, createAuthority, type Identity, issueClient, issueServer } from "./pki.ts";
import { TalosCallLog } from "./call_log.ts";
import { talosconfigText } from "./talosconfig_text.ts";
import { PROJECT } from "../project.ts";

/** How a `FakeTalosApi` is set up; everything has a default. */
export interface FakeTalosApiOptions {
  /** Address to listen on. Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: any free port. */
  readonly port?: number;
  /** Default: a new authority. */
  readonly authority?: Authority;
  /** PEM of the authorities whose clients are let in. Default: that of `authority`. */
  readonly clientCa?: string;
  /** The addresses in the server's certificate. Default 127.0.0.1 and ::1. */
  readonly ips?: readonly string[];
  /** The names in the server's certificate. Default: the host name. */
  readonly dns?: readonly string[];
  /** The server's certificate, instead of one made out of `ips` and `dns`. */
  readonly server?: Identity;
  /** What Hostname answers. Default `node-1`. */
  readonly hostname?: string;
  /** Path of a socket to listen on, without TLS, as machined does: roles are those that a client claims. */
  readonly socket?: string;
  /** How long the drain of a shutdown takes, in milliseconds. Default: it never ends. */
  readonly drainMs?: number;
}

/**
 * The fake Talos API as a subprocess. It is killed when it is disposed of.
 *
 * @example
 * await using api = await FakeTalosApi.start();
 * await Deno.writeTextFile(path, await api.talosconfig({ roles: ["os:operator"] }));
 * await api.calls.waitFor(1);
 */
export class FakeTalosApi implements AsyncDisposable {
  /** The calls it has got. */
  readonly calls = new TalosCallLog();
  /** Who has signed the server's certificate. */
  readonly authority: Authority;
  /** The address it listens on. */
  readonly host: string;
  /** The port it listens on. */
  readonly port: number;

  readonly #process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #lines: AsyncIterator<FakeTalosApiLine>;
  readonly #faultsInForce: (() => void)[] = [];
  readonly #done: Promise<void>;

  private constructor(
    authority: Authority,
    host: string,
    port: number,
    process: Deno.ChildProcess,
    lines: AsyncIterator<FakeTalosApiLine>,
  ) {
    this.authority = authority;
    this.host = host;
    this.port = port;
    this.#process = process;
    this.#input = process.stdin.getWriter();
    this.#lines = lines;
    this.#done = this.#listen();
  }

  /**
   * Starts it and waits until it answers.
   *
   * @throws Error when there is no Deno that can run it, or when it ends at once.
   */
  static async start(options: FakeTalosApiOptions = {}): Promise<FakeTalosApi> {
    const authority = options.authority ?? await createAuthority();
    const hostname = options.hostname ?? "node-1";
    const server = options.server ?? await issueServer(authority, {
      ips: options.ips ?? ["127.0.0.1", "::1"],
      dns: options.dns ?? [hostname],
    });
    const host = options.host ?? "127.0.0.1";
    const config: FakeTalosApiConfig = {
      host,
      port: options.port ?? 0,
      certificate: server.certificate,
      key: server.key,
      clientCa: options.clientCa ?? authority.certificate,
      hostname,
      socket: options.socket,
      drainMs: options.drainMs,
    };
    const process = new Deno.Command(await findNewestDeno(), {
      args: [
        "run",
        "-A",
        "--quiet",
        `${PROJECT}/tests/harness/talos/fake_talos_api.ts`,
        JSON.stringify(config),
      ],
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    const lines = readJsonLines(process.stdout);
    const first = await lines.next();
    if (first.done === true || first.value.event !== "ready") {
      const { code } = await process.status;
      await process.stdin.close();
      throw new Error(`the fake Talos API ended with ${code} before it was ready`);
    }
    return new FakeTalosApi(authority, host, first.value.port, process, lines);
  }

  /** `HOST:PORT`, as `--talos-endpoint` takes it. */
  get endpoint(): string {
    return this.host.includes(":") ? `[${this.host}]:${this.port}` : `${this.host}:${this.port}`;
  }

  /** The text of a talosconfig that this API accepts, with a new client certificate. */
  async talosconfig(options: {
    /** Default `os:operator`. */
    readonly roles?: readonly string[];
    /** Default: this API's. */
    readonly endpoints?: readonly string[];
  } = {}): Promise<string> {
    return talosconfigText({
      ca: this.authority.certificate,
      client: await issueClient(this.authority, { roles: options.roles ?? ["os:operator"] }),
      endpoints: options.endpoints ?? [this.endpoint],
    });
  }

  /** Makes the API do something wrong from now on; resolves when that is in force. */
  async fault(script: FaultScript): Promise<void> {
    const inForce = Promise.withResolvers<void>();
    this.#faultsInForce.push(inForce.resolve);
    await this.#input.write(new TextEncoder().encode(`${JSON.stringify(script)}\n`));
    await inForce.promise;
  }

  /** Stops the API and waits until it is gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.status;
    await this.#done;
    // The pipe has no reader any more, which is no fault here.
    await this.#input.abort().catch(() => {});
    this.calls.end();
  }

  async #listen(): Promise<void> {
    for (;;) {
      const line = await this.#lines.next();
      if (line.done === true) return;
      if (line.value.event === "call") {
        const { event: _event, ...call } = line.value;
        this.calls.push(call);
      }
      if (line.value.event === "fault") this.#faultsInForce.shift()?.();
    }
  }
}

/**
 * The Deno that can serve HTTP/2 with client certificates: `DENO_NEWEST`, else
 * `.tools/bin/deno-newest` of this checkout, else `deno` on PATH when it is 2.9 or later.
 *
 * @throws Error when there is none.
 */
export async function findNewestDeno(): Promise<string> {
  const fromEnvironment = Deno.env.get("DENO_NEWEST");
  if (fromEnvironment !== undefined && fromEnvironment !== "") return fromEnvironment;
  const local = `${PROJECT}/.tools/bin/deno-newest`;
  if (await exists(local)) return local;
  const { stdout } = await new Deno.Command("deno", { args: ["--version"], stderr: "null" })
    .output();
  const [, major, minor] = /^deno (\d+)\.(\d+)/.exec(new TextDecoder().decode(stdout)) ?? [];
  if (Number(major) > 2 || (Number(major) === 2 && Number(minor) >= 9)) return "deno";
  throw new Error(
    "the fake Talos API needs Deno 2.9 or later: set DENO_NEWEST to its path or run scripts/bootstrap",
  );
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

async function* readJsonLines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<FakeTalosApiLine> {
  let text = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (text + chunk).split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) yield JSON.parse(line);
  }
}
