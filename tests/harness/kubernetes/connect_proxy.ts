/** The head of a request must come within this size, in bytes. */
const LONGEST_HEAD = 8192;
const BUFFER_BYTES = 16_384;

/**
 * An HTTP proxy that takes CONNECT (RFC 9110, section 9.3.6) only, on a unix socket: the API server's way
 * to kubelets whose addresses are those of a virtual machine's own network.
 */
export class ConnectProxy implements AsyncDisposable {
  /** Path of the socket. */
  readonly path: string;
  readonly #listener: Deno.UnixListener;
  readonly #ports = new Map<string, number>();
  readonly #connections = new Set<Deno.Conn>();
  readonly #work: Promise<void>;

  /** @param path of the socket, where nothing is yet */
  constructor(path: string) {
    this.path = path;
    this.#listener = Deno.listen({ transport: "unix", path });
    this.#work = this.#accept();
  }

  /** Whoever asks for `authority`, HOST:PORT, gets to a port of this machine's loopback. */
  forward(authority: string, port: number): void {
    this.#ports.set(authority, port);
  }

  /** Stops, and closes every connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#work;
    for (const connection of this.#connections) connection.close();
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      this.#serve(client).catch(() => {
        // One of the two has gone, which the other is told by the end of its connection.
      });
    }
  }

  async #serve(client: Deno.UnixConn): Promise<void> {
    this.#connections.add(client);
    try {
      const authority = /^CONNECT (\S+) HTTP/.exec(await readHead(client))?.[1] ?? "";
      const port = this.#ports.get(authority);
      if (port === undefined) {
        await client.write(new TextEncoder().encode("HTTP/1.1 502 Bad Gateway\r\n\r\n"));
        return;
      }
      const server = await Deno.connect({ hostname: "127.0.0.1", port });
      this.#connections.add(server);
      try {
        await client.write(new TextEncoder().encode("HTTP/1.1 200 OK\r\n\r\n"));
        await Promise.race([copy(client, server), copy(server, client)]);
      } finally {
        this.#close(server);
      }
    } finally {
      this.#close(client);
    }
  }

  #close(connection: Deno.Conn): void {
    if (this.#connections.delete(connection)) connection.close();
  }
}

/** Up to the empty line: nothing of the connection's own comes before the answer. */
async function readHead(connection: Deno.Conn): Promise<string> {
  const bytes = new Uint8Array(LONGEST_HEAD);
  let length = 0;
  let text = "";
  while (!text.endsWith("\r\n\r\n")) {
    const read = await connection.read(bytes.subarray(length));
    if (read === null || read === 0) throw new Error(`no request: ${text}`);
    length += read;
    text = new TextDecoder().decode(bytes.subarray(0, length));
  }
  return text;
}

/** Until the end of `from`. */
async function copy(from: Deno.Conn, to: Deno.Conn): Promise<void> {
  const bytes = new Uint8Array(BUFFER_BYTES);
  for (;;) {
    const length = await from.read(bytes);
    if (length === null) return;
    for (let written = 0; written < length;) {
      written += await to.write(bytes.subarray(written, length));
    }
  }
}
