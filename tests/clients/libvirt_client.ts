import { parseExactJson, stringifyExactJson } from "../harness/exact_json.ts";
import { UnixStream } from "../harness/unix_stream.ts";

/** The agent answered with an error. */
export class AgentError extends Error {
  override readonly name = "AgentError";

  constructor(
    /** QAPI's error class. */
    readonly errorClass: string,
    /** The agent's words. */
    readonly description: string,
  ) {
    super(`${errorClass}: ${description}`);
  }

  /** Whether libvirt takes the command for one that the agent does not have. */
  get unsupported(): boolean {
    return this.errorClass === "CommandNotFound" || this.errorClass === "CommandDisabled";
  }
}

const NEWLINE = 0x0a;
const SYNC_TIMEOUT_MS = 5_000;

/**
 * The guest agent's client of libvirt (its qemu_agent.c): one connection, one plain guest-sync, and
 * from then on every line must be a reply, or the connection counts as broken.
 */
export class LibvirtClient implements AsyncDisposable {
  readonly #stream: UnixStream;

  private constructor(stream: UnixStream) {
    this.#stream = stream;
  }

  /**
   * Connects and synchronizes. Lines before the reply to that are passed over, whatever they are.
   *
   * @throws {DeadlineError} if the agent does not answer within 5 seconds.
   */
  static async connect(socket: string): Promise<LibvirtClient> {
    const client = new LibvirtClient(await UnixStream.connect(socket));
    const id = Date.now();
    await client.#send("guest-sync", { id });
    for (;;) {
      const line = await client.#line(SYNC_TIMEOUT_MS);
      try {
        if (replyOf(line)["return"] === id) return client;
      } catch (error) {
        if (!(error instanceof SyntaxError)) throw error;
      }
    }
  }

  /**
   * Runs a command and gives what it returns.
   *
   * @throws {AgentError} if the agent answers with an error.
   * @throws {SyntaxError} if the line is not a reply: libvirt would not use the connection any more.
   */
  async execute(command: string, args?: Readonly<Record<string, unknown>>): Promise<unknown> {
    const reply = replyOf(await this.executeRaw(command, args));
    if (!("error" in reply)) return reply["return"];
    // An error is such an object: the agent's protocol has no others.
    const { class: errorClass, desc } = reply["error"] as { class: string; desc: string };
    throw new AgentError(errorClass, desc);
  }

  /** Runs a command and gives the line that answers it, as virDomainQemuAgentCommand hands it on. */
  async executeRaw(command: string, args?: Readonly<Record<string, unknown>>): Promise<string> {
    await this.#send(command, args);
    return await this.#line();
  }

  /** Leaves. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stream[Symbol.asyncDispose]();
  }

  async #send(execute: string, args?: Readonly<Record<string, unknown>>): Promise<void> {
    const message = args === undefined ? { execute } : { execute, arguments: args };
    await this.#stream.send(`${stringifyExactJson(message)}\n`);
  }

  async #line(timeoutMs = 30_000): Promise<string> {
    // Byte for byte: a 0xFF before a reply is as wrong for libvirt as any other garbage.
    return String.fromCharCode(...await this.#stream.receiveUntil(NEWLINE, { timeoutMs }));
  }
}

function replyOf(line: string): Record<string, unknown> {
  const reply = parseExactJson(line);
  const isReply = typeof reply === "object" && reply !== null &&
    ("return" in reply || "error" in reply);
  if (!isReply) throw new SyntaxError(`no reply: ${line}`);
  return reply as Record<string, unknown>;
}
