import { withDeadline } from "../deadline.ts";
import { parseExactJson, stringifyExactJson } from "../exact_json.ts";
import { type ConnectOptions, type TimeoutOptions, UnixStream } from "../unix_stream.ts";

/** Something that happened to the machine. */
export interface QmpEvent {
  /** Its name, such as `SHUTDOWN`. */
  readonly name: string;
  /** What QEMU says about it; empty if nothing. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** Which event is waited for. */
export interface WaitEventOptions extends TimeoutOptions {
  /** Index in `events` of the first that counts. Default 0: one that already happened counts. */
  readonly since?: number;
  /** Whether it is the one. Default: any of that name. */
  readonly where?: (event: QmpEvent) => boolean;
}

/** QEMU refused a command. */
export class QmpError extends Error {
  override readonly name = "QmpError";
}

interface Settle<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
}

const NEWLINE = 0x0a;

/** A client of the QEMU Machine Protocol. It reads all the time and keeps every event. */
export class QmpClient implements AsyncDisposable {
  /** All events so far, oldest first. */
  readonly events: QmpEvent[] = [];

  readonly #stream: UnixStream;
  readonly #replies = new Map<number, Settle<unknown>>();
  readonly #watchers = new Set<Settle<QmpEvent> & { matches: (event: QmpEvent) => boolean }>();
  readonly #reader: Promise<void>;
  #lastId = 0;
  #end: Error | undefined;

  private constructor(stream: UnixStream) {
    this.#stream = stream;
    this.#reader = this.#read();
  }

  /**
   * Connects, trying again until QEMU listens, and negotiates. Default 10 seconds.
   *
   * @throws {Error} if nobody listens or the other side is not QEMU.
   */
  static async connect(path: string, options: ConnectOptions = {}): Promise<QmpClient> {
    const { timeoutMs = 10_000 } = options;
    const stream = await UnixStream.connect(path, { ...options, timeoutMs });
    try {
      const greeting = decode(await stream.receiveUntil(NEWLINE, { timeoutMs }));
      if (!("QMP" in greeting)) throw new Error(`${path} does not greet as QMP does`);
    } catch (error) {
      await stream[Symbol.asyncDispose]();
      throw error;
    }
    const client = new QmpClient(stream);
    try {
      await client.execute("qmp_capabilities", {}, { timeoutMs });
    } catch (error) {
      await client[Symbol.asyncDispose]();
      throw error;
    }
    return client;
  }

  /**
   * Runs a command and gives what it returns. Default 10 seconds.
   *
   * @throws {QmpError} if QEMU refuses it.
   * @throws {DeadlineError} if there is no answer in time.
   * @throws {ConnectionClosedError} if QEMU ends first.
   */
  async execute(
    command: string,
    args: Readonly<Record<string, unknown>> = {},
    { timeoutMs = 10_000 }: TimeoutOptions = {},
  ): Promise<unknown> {
    if (this.#end !== undefined) throw this.#end;
    const id = ++this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    // Handled below, but not if sending fails first.
    promise.catch(() => {});
    this.#replies.set(id, { resolve, reject });
    try {
      const request = { execute: command, arguments: args, id };
      await this.#stream.send(`${stringifyExactJson(request)}\n`);
      return await withDeadline(promise, timeoutMs, () => `QMP's answer to ${command}`);
    } finally {
      this.#replies.delete(id);
    }
  }

  /**
   * Waits for an event; one that already happened counts, see `since`. Default 10 seconds.
   *
   * @throws {DeadlineError} if it does not come in time; lists the events that did.
   * @throws {ConnectionClosedError} if QEMU ends first.
   */
  async waitEvent(
    name: string,
    { timeoutMs = 10_000, since = 0, where = () => true }: WaitEventOptions = {},
  ): Promise<QmpEvent> {
    const matches = (event: QmpEvent): boolean => event.name === name && where(event);
    const past = this.events.slice(since).find(matches);
    if (past !== undefined) return past;
    if (this.#end !== undefined) throw this.#end;
    const { promise, resolve, reject } = Promise.withResolvers<QmpEvent>();
    const watcher = { resolve, reject, matches };
    this.#watchers.add(watcher);
    try {
      return await withDeadline(
        promise,
        timeoutMs,
        () => `QMP event ${name}; there were ${stringifyExactJson(this.events.slice(since))}`,
      );
    } finally {
      this.#watchers.delete(watcher);
    }
  }

  /** Closes the connection. May be called twice. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stream[Symbol.asyncDispose]();
    await this.#reader;
  }

  async #read(): Promise<void> {
    try {
      for (;;) {
        this.#take(decode(await this.#stream.receiveUntil(NEWLINE, { timeoutMs: FOREVER })));
      }
    } catch (error) {
      this.#end = error instanceof Error ? error : new Error(String(error));
      for (const { reject } of [...this.#replies.values(), ...this.#watchers]) reject(this.#end);
    }
  }

  #take(message: Readonly<Record<string, unknown>>): void {
    if (typeof message["event"] === "string") {
      const data = isRecord(message["data"]) ? message["data"] : {};
      const event: QmpEvent = { name: message["event"], data };
      this.events.push(event);
      for (const watcher of this.#watchers) if (watcher.matches(event)) watcher.resolve(event);
      return;
    }
    const reply = typeof message["id"] === "number" ? this.#replies.get(message["id"]) : undefined;
    if (reply === undefined) return;
    if (isRecord(message["error"])) {
      reply.reject(new QmpError(`QEMU: ${message["error"]["desc"]}`));
    } else {
      reply.resolve(message["return"]);
    }
  }
}

/** The longest that a timer can wait: 24 days. */
const FOREVER = 2 ** 31 - 1;

function decode(line: Uint8Array): Readonly<Record<string, unknown>> {
  const message = parseExactJson(new TextDecoder().decode(line));
  if (!isRecord(message)) throw new Error("QMP sent something that is not a JSON object");
  return message;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
