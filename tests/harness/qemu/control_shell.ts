import { withDeadline } from "../deadline.ts";
import { type ConnectOptions, type TimeoutOptions, UnixStream } from "../unix_stream.ts";

/** How a command in the guest ended. */
export interface CommandResult {
  /** Its exit status; 128 and the signal's number if a signal ended it. */
  readonly status: number;
  /** What it wrote to stdout. */
  readonly stdout: string;
  /** What it wrote to stderr. */
  readonly stderr: string;
}

interface Settle<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
}

const NEWLINE = 0x0a;
/** The longest that a timer can wait: 24 days. */
const FOREVER = 2 ** 31 - 1;

/** Runs commands in the guest; the other side of `rootfs/bin/control-shell`. */
export class ControlShell implements AsyncDisposable {
  readonly #stream: UnixStream;
  readonly #results = new Map<string, Settle<CommandResult>>();
  readonly #reader: Promise<void>;
  #ready = Promise.withResolvers<void>();
  #lastId = 0;
  #end: Error | undefined;

  private constructor(stream: UnixStream) {
    this.#stream = stream;
    // Nobody may be waiting for it when QEMU ends.
    this.#ready.promise.catch(() => {});
    this.#reader = this.#read();
  }

  /**
   * Connects to the port's socket; the guest need not be up yet.
   *
   * @throws {Error} if nobody listens in time. Default 10 seconds.
   */
  static async connect(path: string, options: ConnectOptions = {}): Promise<ControlShell> {
    return new ControlShell(await UnixStream.connect(path, options));
  }

  /**
   * Waits until the guest has said that it takes commands.
   *
   * @throws {DeadlineError} if it does not in time.
   */
  async waitReady(timeoutMs: number): Promise<void> {
    await withDeadline(this.#ready.promise, timeoutMs, () => "the guest's control shell");
  }

  /** To be called before the guest starts again: `waitReady` waits for the next start then. */
  expectRestart(): void {
    this.#ready = Promise.withResolvers();
    this.#ready.promise.catch(() => {});
  }

  /**
   * Runs a command by the guest's shell, as root, while others may still run. Default 10 seconds:
   * after that it is killed, if it can be.
   *
   * @throws {DeadlineError} if it does not end in time.
   */
  async run(command: string, { timeoutMs = 10_000 }: TimeoutOptions = {}): Promise<CommandResult> {
    if (this.#end !== undefined) throw this.#end;
    const { promise, resolve, reject } = Promise.withResolvers<CommandResult>();
    // Handled below, but not if sending fails first.
    promise.catch(() => {});
    const id = await this.#request(command, timeoutMs, { resolve, reject });
    try {
      return await withDeadline(promise, timeoutMs, () => `end of \`${command}\` in the guest`);
    } finally {
      this.#results.delete(id);
    }
  }

  /** Starts a command that is not waited for, such as one that ends the guest. */
  async start(command: string): Promise<void> {
    await this.#request(command, 3_600_000);
  }

  /** Closes the connection. May be called twice. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stream[Symbol.asyncDispose]();
    await this.#reader;
  }

  async #request(
    command: string,
    timeoutMs: number,
    settle?: Settle<CommandResult>,
  ): Promise<string> {
    const id = String(++this.#lastId);
    if (settle !== undefined) this.#results.set(id, settle);
    const encoded = new TextEncoder().encode(command).toBase64();
    await this.#stream.send(`${id} ${Math.ceil(timeoutMs / 1000)} ${encoded}\n`);
    return id;
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    try {
      for (;;) {
        const line = await this.#stream.receiveUntil(NEWLINE, { timeoutMs: FOREVER });
        this.#take(decoder.decode(line));
      }
    } catch (error) {
      this.#end = error instanceof Error ? error : new Error(String(error));
      this.#ready.reject(this.#end);
      for (const { reject } of this.#results.values()) reject(this.#end);
    }
  }

  #take(line: string): void {
    if (line === "ready") {
      this.#ready.resolve();
      return;
    }
    const [id = "", status, stdout = ":", stderr = ":"] = line.split(" ");
    this.#results.get(id)?.resolve({
      status: Number(status),
      stdout: decodeBase64(stdout.slice(1)),
      stderr: decodeBase64(stderr.slice(1)),
    });
  }
}

function decodeBase64(encoded: string): string {
  return new TextDecoder().decode(Uint8Array.fromBase64(encoded));
}
