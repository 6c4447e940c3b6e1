/**
 * A TCP server that does one thing with each connection: for what goes wrong below HTTP/2.
 *
 * @example
 * await using server = new RawServer(async (connection) => {
 *   await connection.write(new TextEncoder().encode("no TLS"));
 * });
 */
export class RawServer implements AsyncDisposable {
  /** `HOST:PORT`. */
  readonly endpoint: string;
  readonly #listener: Deno.TcpListener;
  readonly #connections = new Set<Deno.TcpConn>();
  readonly #done: Promise<void>;

  /** `serve` gets each connection; it is closed when `serve` is done. */
  constructor(serve: (connection: Deno.TcpConn) => Promise<void>) {
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.endpoint = `127.0.0.1:${this.#listener.addr.port}`;
    this.#done = this.#accept(serve);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#connections) {
      this.#connections.delete(connection);
      connection.close();
    }
    await this.#done;
  }

  async #accept(serve: (connection: Deno.TcpConn) => Promise<void>): Promise<void> {
    const served: Promise<void>[] = [];
    for await (const connection of this.#listener) {
      this.#connections.add(connection);
      served.push(this.#serve(connection, serve));
    }
    await Promise.all(served);
  }

  async #serve(
    connection: Deno.TcpConn,
    serve: (connection: Deno.TcpConn) => Promise<void>,
  ): Promise<void> {
    try {
      await serve(connection);
    } catch (error) {
      // A client that hangs up in the middle is what these tests are about.
      const hungUp = error instanceof Deno.errors.BadResource ||
        error instanceof Deno.errors.Interrupted || error instanceof Deno.errors.BrokenPipe ||
        error instanceof Deno.errors.ConnectionReset;
      if (!hungUp) throw error;
    }
    if (this.#connections.delete(connection)) connection.close();
  }
}

/** Reads until the client hangs up, and says nothing. */
export async function saySilent(connection: Deno.TcpConn): Promise<void> {
  const bytes = new Uint8Array(4096);
  while (await connection.read(bytes) !== null);
}

/** Reads once, then answers with a text that is not TLS. */
export async function sayPlainHttp(connection: Deno.TcpConn): Promise<void> {
  await connection.read(new Uint8Array(4096));
  await connection.write(new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"));
}

/** Hangs up at once. */
export async function sayNothing(_connection: Deno.TcpConn): Promise<void> {}
