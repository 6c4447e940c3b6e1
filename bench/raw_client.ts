const encoder = new TextEncoder();
const decoder = new TextDecoder();
const NEWLINE = 0x0a;
const PING = encoder.encode('{"execute":"guest-ping"}\n');
const RETRY_MS = 0.2;
const PONG = '{"return": {}}';

/** A client on an agent's unix socket with as little of its own between as can be. */
export class RawClient implements Disposable {
  /** For what only some measurement does. */
  readonly connection: Deno.UnixConn;
  readonly #buffer = new Uint8Array(65536);

  private constructor(connection: Deno.UnixConn) {
    this.connection = connection;
  }

  /**
   * Connects; tries again soon while nobody listens there yet. It sleeps without a timer, whose
   * milliseconds would count as the agent's.
   *
   * @throws {Error} if nobody does within 10 seconds.
   */
  static async connect(path: string): Promise<RawClient> {
    for (const end = performance.now() + 10_000;;) {
      try {
        return new RawClient(await Deno.connect({ transport: "unix", path }));
      } catch (error) {
        const notYet = error instanceof Deno.errors.NotFound ||
          error instanceof Deno.errors.ConnectionRefused;
        if (!notYet || performance.now() > end) throw error;
      }
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
  }

  /** Sends guest-sync and takes its answer, which must be the first. */
  async firstSync(): Promise<void> {
    await this.send('{"execute":"guest-sync","arguments":{"id":4711}}\n');
    const reply = await this.receiveLine();
    if (reply !== '{"return": 4711}') throw new Error(`guest-sync was answered by ${reply}`);
  }

  /** Sends one guest-ping and gives the milliseconds until its answer was there. */
  async ping(): Promise<number> {
    const start = performance.now();
    await this.connection.write(PING);
    const reply = await this.receiveLine();
    const milliseconds = performance.now() - start;
    if (reply !== PONG) throw new Error(`guest-ping was answered by ${reply}`);
    return milliseconds;
  }

  /** Sends everything, however many writes it takes. */
  async send(text: string): Promise<void> {
    let rest = encoder.encode(text);
    while (rest.length > 0) rest = rest.subarray(await this.connection.write(rest));
  }

  /** A line; nothing may follow it. */
  async receiveLine(): Promise<string> {
    let text = "";
    for (;;) {
      const count = await this.connection.read(this.#buffer);
      if (count === null) throw new Error("the agent closed the connection");
      if (this.#buffer[count - 1] === NEWLINE) {
        const last = decoder.decode(this.#buffer.subarray(0, count - 1));
        return text === "" ? last : text + last;
      }
      text += decoder.decode(this.#buffer.subarray(0, count));
    }
  }

  /** Closes the connection. */
  [Symbol.dispose](): void {
    this.connection.close();
  }
}

/** Milliseconds of `count` pings of each client, taken in turns of 50. */
export async function interleavedPings(
  clients: readonly [RawClient, RawClient],
  count: number,
): Promise<readonly [number[], number[]]> {
  const samples: [number[], number[]] = [[], []];
  for (let done = 0; done < count; done += 50) {
    for (const index of [0, 1] as const) {
      for (let turn = 0; turn < 50; turn++) samples[index].push(await clients[index].ping());
    }
  }
  return samples;
}
