import { UnixStream } from "../harness/unix_stream.ts";

const OURS = "dist/qemu-ga-talos";
const QEMU_GA = ".tools/qemu-ga/usr/sbin/qemu-ga";
const SANDBOX = "tests/conformance/sandbox";
const NEWLINE = 0x0a;
const SENTINEL = Uint8Array.of(0xff);

/** Which agent. */
export type AgentName = "ours" | "qemu-ga";

const encoder = new TextEncoder();
const latin1 = new TextDecoder("latin1");
let lastSyncId = 7_000_000;

/** A client of one agent. */
export class AgentConnection implements AsyncDisposable {
  readonly #stream: UnixStream;

  constructor(stream: UnixStream) {
    this.#stream = stream;
  }

  /** Sends bytes as they are. */
  send(bytes: string | Uint8Array): Promise<void> {
    return this.#stream.send(bytes);
  }

  /** The next line of the agent, one character a byte. */
  async receiveLine(): Promise<string> {
    return latin1.decode(await this.#stream.receiveUntil(NEWLINE, { timeoutMs: 60_000 }));
  }

  /**
   * Everything that the agent answers to what has been sent so far. With `reset` it is made to
   * forget half a request before, which is answered by errors, too.
   */
  async settle({ reset = false } = {}): Promise<string[]> {
    const id = ++lastSyncId;
    if (reset) await this.#stream.send(SENTINEL);
    const sync = `{"execute":"guest-sync-delimited","arguments":{"id":${id}}}\n`;
    await this.#stream.send(encoder.encode(sync));
    const end = `\xff{"return": ${id}}`;
    const lines: string[] = [];
    for (let line = await this.receiveLine(); line !== end; line = await this.receiveLine()) {
      lines.push(line);
    }
    return lines;
  }

  /** Leaves. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stream[Symbol.asyncDispose]();
  }
}

/** Ours and qemu-ga, in one sandbox; both end with it. */
export class TwoAgents implements AsyncDisposable {
  /** The directory that both agents see as /run/conformance. */
  readonly directory: string;
  readonly #sandbox: Deno.ChildProcess;

  private constructor(directory: string, sandbox: Deno.ChildProcess) {
    this.directory = directory;
    this.#sandbox = sandbox;
  }

  /**
   * Starts both and waits until they listen.
   *
   * @param options command line of ours alone
   * @throws {Error} if there is no sandbox (it needs root), or an agent does not start.
   */
  static async start(options: readonly string[]): Promise<TwoAgents> {
    // A tmpfs: the agents may see no mount that is on a disk of this machine.
    const directory = await Deno.makeTempDir({ dir: "/dev/shm", prefix: "conformance-" });
    const sandbox = new Deno.Command(SANDBOX, {
      args: [directory, OURS, QEMU_GA, ...options],
      stdin: "piped",
      stdout: "inherit",
      stderr: "inherit",
    }).spawn();
    const agents = new TwoAgents(directory, sandbox);
    try {
      for (const name of ["ours", "qemu-ga"] as const) {
        await using connection = await agents.connect(name);
        await connection.settle();
      }
    } catch (error) {
      await agents[Symbol.asyncDispose]();
      throw new Error(
        `the agents have not started in their sandbox, which needs root and loop devices; ` +
          `what it has said is above`,
        { cause: error },
      );
    }
    return agents;
  }

  /** A new connection, when the last one to this agent has been closed. */
  async connect(name: AgentName): Promise<AgentConnection> {
    return new AgentConnection(await UnixStream.connect(`${this.directory}/${name}.sock`));
  }

  /** Ends the agents. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sandbox.stdin.close();
    await this.#sandbox.status;
    await Deno.remove(this.directory, { recursive: true });
  }
}
