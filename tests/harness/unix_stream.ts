import { withDeadline } from "./deadline.ts";

/** The other side closed the connection while something was expected from it. */
export class ConnectionClosedError extends Error {
  override readonly name = "ConnectionClosedError";
}

/** How long things may take. */
export interface TimeoutOptions {
  /** In milliseconds. */
  readonly timeoutMs?: number;
}

/** How a connection is made. */
export interface ConnectOptions extends TimeoutOptions {
  /** Gives up, with its reason, when it is aborted: nobody will ever listen. */
  readonly signal?: AbortSignal;
}

const PIECE = 65536;

/**
 * A connection to a unix socket. It is read only when something is asked of it, so that a test can
 * be a host that does not read.
 */
export class UnixStream implements AsyncDisposable {
  readonly #connection: Deno.UnixConn;
  #received: Uint8Array[] = [];
  #reading: Promise<Uint8Array> | undefined;

  private constructor(connection: Deno.UnixConn) {
    this.#connection = connection;
  }

  /**
   * Connects; tries again while nobody listens there yet. Default 10 seconds.
   *
   * @throws {Error} if it cannot be reached until then.
   */
  static async connect(
    path: string,
    { timeoutMs = 10_000, signal }: ConnectOptions = {},
  ): Promise<UnixStream> {
    const end = performance.now() + timeoutMs;
    for (;;) {
      signal?.throwIfAborted();
      try {
        return new UnixStream(await Deno.connect({ transport: "unix", path }));
      } catch (error) {
        const notYet = error instanceof Deno.errors.NotFound ||
          error instanceof Deno.errors.ConnectionRefused;
        if (!notYet) throw error;
        if (performance.now() > end) {
          throw new Error(`nobody listens on ${path} after ${timeoutMs} ms`, { cause: error });
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Sends everything, however many writes it takes. */
  async send(data: string | Uint8Array): Promise<void> {
    let rest = typeof data === "string" ? new TextEncoder().encode(data) : data;
    while (rest.length > 0) rest = rest.subarray(await this.#connection.write(rest));
  }

  /**
   * The next bytes, as many as there are, at least one. Default 10 seconds.
   *
   * @throws {DeadlineError} if none come in time.
   * @throws {ConnectionClosedError} at the end of the stream.
   */
  async receive({ timeoutMs = 10_000 }: TimeoutOptions = {}): Promise<Uint8Array> {
    if (this.#received.length === 0) await this.#receiveMore(timeoutMs);
    const [first = new Uint8Array()] = this.#received.splice(0, 1);
    return first;
  }

  /**
   * All bytes up to the next one of the given value, which is taken too and left out of the result.
   * Default 10 seconds.
   *
   * @throws {DeadlineError} if it does not come in time; what came is kept for the next call.
   * @throws {ConnectionClosedError} at the end of the stream.
   */
  async receiveUntil(
    delimiter: number,
    { timeoutMs = 10_000 }: TimeoutOptions = {},
  ): Promise<Uint8Array> {
    const end = performance.now() + timeoutMs;
    for (let searched = 0;; searched++) {
      if (searched === this.#received.length) await this.#receiveMore(end - performance.now());
      const piece = this.#received[searched] ?? new Uint8Array();
      const at = piece.indexOf(delimiter);
      if (at === -1) continue;
      const taken = [...this.#received.slice(0, searched), piece.subarray(0, at)];
      const rest = piece.subarray(at + 1);
      this.#received = this.#received.slice(searched + 1);
      if (rest.length > 0) this.#received.unshift(rest);
      return concatenate(taken);
    }
  }

  /** Closes the connection; what waits for bytes fails. May be called twice. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#connection.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error;
    }
    await this.#reading?.catch(() => {
      // Closing ends a read that is under way with an error; whoever waited for it has got it.
    });
  }

  async #receiveMore(timeoutMs: number): Promise<void> {
    // A read that missed an earlier deadline is still under way: its bytes are the next.
    this.#reading ??= this.#read();
    // Disposing handles it if this wait ends before the read does.
    this.#reading.catch(() => {});
    const piece = await withDeadline(
      this.#reading,
      timeoutMs,
      () => `bytes on the socket; so far there are ${JSON.stringify(this.#pendingText())}`,
    );
    this.#reading = undefined;
    this.#received.push(piece);
  }

  async #read(): Promise<Uint8Array> {
    const piece = new Uint8Array(PIECE);
    const length = await this.#connection.read(piece);
    if (length === null) throw new ConnectionClosedError("the other side closed the connection");
    return piece.subarray(0, length);
  }

  #pendingText(): string {
    return new TextDecoder().decode(concatenate(this.#received)).slice(-500);
  }
}

function concatenate(pieces: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
