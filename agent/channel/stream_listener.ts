import type { Channel, Session } from "./channel.ts";

const READ_SIZE = 64 * 1024;

/**
 * A channel on a listening socket. It serves one client at a time, as qemu-ga does: the next waits
 * until the first has closed its connection.
 */
export class StreamListener implements Channel {
  readonly #listener: Deno.Listener;
  readonly #client: string;
  readonly #cleanUp: () => void;
  #connection: Deno.Conn | undefined;
  #closed = false;

  /**
   * @param listener takes connections; it is closed with the channel
   * @param client what to call a client in the log
   * @param cleanUp runs when the channel is disposed of
   */
  constructor(listener: Deno.Listener, client: string, cleanUp: () => void = () => {}) {
    this.#listener = listener;
    this.#client = client;
    this.#cleanUp = cleanUp;
  }

  /** See `Channel`. */
  async *sessions(): AsyncGenerator<Session, void, undefined> {
    for await (const connection of this.#listener) {
      // It may have been accepted before the channel was disposed of, and arrive here after.
      if (this.#closed) {
        connection.close();
        return;
      }
      this.#connection = connection;
      const buffer = new Uint8Array(READ_SIZE);
      try {
        yield {
          client: this.#client,
          read: () => readSome(connection, buffer),
          write: (bytes) => writeAll(connection, bytes),
        };
      } finally {
        this.#connection = undefined;
        if (!this.#closed) connection.close();
      }
    }
  }

  /** Closes the socket and the connection. */
  [Symbol.asyncDispose](): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#listener.close();
      this.#connection?.close();
      this.#cleanUp();
    }
    return Promise.resolve();
  }
}

async function readSome(
  connection: Deno.Conn,
  buffer: Uint8Array,
): Promise<Uint8Array | undefined> {
  try {
    const count = await connection.read(buffer);
    return count === null ? undefined : buffer.subarray(0, count);
  } catch (error) {
    if (isDeparture(error)) return undefined;
    throw error;
  }
}

async function writeAll(connection: Deno.Conn, bytes: Uint8Array): Promise<boolean> {
  try {
    let offset = 0;
    while (offset < bytes.length) offset += await connection.write(bytes.subarray(offset));
    return true;
  } catch (error) {
    if (isDeparture(error)) return false;
    throw error;
  }
}

/** Whether an error only means that the client, or the channel itself, has closed the connection. */
function isDeparture(error: unknown): boolean {
  return error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.BadResource ||
    error instanceof Deno.errors.Interrupted;
}
