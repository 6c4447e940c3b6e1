import { parseExactJson, stringifyExactJson } from "../exact_json.ts";
import { type TimeoutOptions, UnixStream } from "../unix_stream.ts";

/** The guest agent answered with an error. */
export class GuestAgentError extends Error {
  override readonly name = "GuestAgentError";

  constructor(
    /** The command that failed. */
    readonly command: string,
    /** QAPI's error class, such as `CommandNotFound`. */
    readonly errorClass: string,
    /** The agent's own words. */
    readonly description: string,
  ) {
    super(`${command}: ${errorClass}: ${description}`);
  }
}

/** The arguments of a command; integers of 64 bits as bigint. */
export type GuestAgentArguments = Readonly<Record<string, unknown>>;

const NEWLINE = 0x0a;
const SENTINEL = 0xff;

/**
 * A guest agent's client as a hypervisor has it, on the socket of the port. Integers are exact: what
 * a number cannot hold is a bigint. It reads only when something is asked of it.
 */
export class GuestAgentClient implements AsyncDisposable {
  readonly #stream: UnixStream;

  private constructor(stream: UnixStream) {
    this.#stream = stream;
  }

  /**
   * Connects, trying again until somebody listens. The agent need not run yet: what is sent waits
   * for it. Default 10 seconds.
   *
   * @throws {Error} if nobody listens until then.
   */
  static async connect(path: string, options: TimeoutOptions = {}): Promise<GuestAgentClient> {
    return new GuestAgentClient(await UnixStream.connect(path, options));
  }

  /**
   * Makes sure that the next reply is to the next command: resets the agent's parser by 0xFF and
   * drops everything up to the reply to this very synchronisation. Default 10 seconds.
   *
   * @throws {DeadlineError} if there is no agent, or it does not answer in time.
   */
  async sync({ timeoutMs = 10_000 }: TimeoutOptions = {}): Promise<void> {
    const end = performance.now() + timeoutMs;
    const remaining = (): TimeoutOptions => ({ timeoutMs: end - performance.now() });
    const id = crypto.getRandomValues(new Uint32Array(1))[0];
    await this.send(new Uint8Array([SENTINEL]));
    await this.send(request("guest-sync-delimited", { id }));
    for (;;) {
      await this.#stream.receiveUntil(SENTINEL, remaining());
      const reply = parseReply(await this.#stream.receiveUntil(NEWLINE, remaining()));
      if (reply["return"] === id) return;
    }
  }

  /**
   * Runs a command and gives what it returns. Default 10 seconds.
   *
   * @throws {GuestAgentError} if the agent answers with an error.
   * @throws {DeadlineError} if it does not answer in time; `sync` before the next command then.
   */
  async execute(
    command: string,
    args?: GuestAgentArguments,
    options: TimeoutOptions = {},
  ): Promise<unknown> {
    await this.request(command, args);
    const reply = await this.receiveReply(options);
    const error = reply["error"];
    if (isRecord(error)) {
      throw new GuestAgentError(command, String(error["class"]), String(error["desc"]));
    }
    return reply["return"];
  }

  /** Sends a command without waiting for a reply: a shutdown that succeeds has none. */
  async request(command: string, args?: GuestAgentArguments): Promise<void> {
    await this.send(request(command, args));
  }

  /** Sends bytes as they are. */
  async send(data: string | Uint8Array): Promise<void> {
    await this.#stream.send(data);
  }

  /** The next bytes, as many as there are, at least one; throws as `UnixStream.receive` does. */
  async receive(options: TimeoutOptions = {}): Promise<Uint8Array> {
    return await this.#stream.receive(options);
  }

  /** The next line, byte for byte without its newline; throws as `UnixStream.receiveUntil` does. */
  async receiveLine(options: TimeoutOptions = {}): Promise<Uint8Array> {
    return await this.#stream.receiveUntil(NEWLINE, options);
  }

  /**
   * The next line as the object that it must be, without a 0xFF before it.
   *
   * @throws {SyntaxError} if it is not JSON.
   */
  async receiveReply(options: TimeoutOptions = {}): Promise<Readonly<Record<string, unknown>>> {
    return parseReply(await this.receiveLine(options));
  }

  /** Leaves, as a hypervisor's client does after its command. May be called twice. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stream[Symbol.asyncDispose]();
  }
}

function request(command: string, args?: GuestAgentArguments): string {
  const message = args === undefined ? { execute: command } : { execute: command, arguments: args };
  return `${stringifyExactJson(message)}\n`;
}

function parseReply(line: Uint8Array): Readonly<Record<string, unknown>> {
  const text = new TextDecoder().decode(line[0] === SENTINEL ? line.subarray(1) : line);
  const reply = parseExactJson(text);
  if (!isRecord(reply)) throw new Error(`the agent's reply is not a JSON object: ${text}`);
  return reply;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
