/** A request, read to its end. */
export interface HttpRequest {
  readonly method: string;
  /** Its path and query, below a host that means nothing. */
  readonly url: URL;
  readonly headers: Headers;
  readonly body: string;
}

/** What answers it. */
export interface HttpAnswer {
  readonly status: number;
  /** What the status line says after the number. */
  readonly reason: string;
  /** JSON. */
  readonly body: string;
}

const HEAD_END = "\r\n\r\n";

/**
 * An HTTP server on the loopback interface, for clients that read the words of the status line: Deno's own server
 * cannot choose them. A connection serves one request.
 */
export class HttpServer implements AsyncDisposable {
  readonly #listener: Deno.TcpListener;
  readonly #connections = new Set<Deno.TcpConn>();
  readonly #serving: Promise<void>;

  private constructor(answer: (request: HttpRequest) => Promise<HttpAnswer>) {
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.#serving = this.#serve(answer);
  }

  /** Starts one on a free port. `answer` must not fail. */
  static start(answer: (request: HttpRequest) => Promise<HttpAnswer>): HttpServer {
    return new HttpServer(answer);
  }

  /** Where it is, without a slash at the end. */
  get origin(): string {
    return `http://127.0.0.1:${this.#listener.addr.port}`;
  }

  /** Stops it; requests that are under way lose their connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#connections) connection.close();
    this.#connections.clear();
    await this.#serving;
  }

  async #serve(answer: (request: HttpRequest) => Promise<HttpAnswer>): Promise<void> {
    const open: Promise<void>[] = [];
    for await (const connection of this.#listener) {
      this.#connections.add(connection);
      open.push(this.#answer(connection, answer));
    }
    await Promise.all(open);
  }

  async #answer(
    connection: Deno.TcpConn,
    answer: (request: HttpRequest) => Promise<HttpAnswer>,
  ): Promise<void> {
    try {
      const request = await readRequest(connection);
      if (request !== undefined) await sendAnswer(connection, await answer(request));
    } catch (error) {
      // The client has left, or the server is being stopped.
      if (this.#connections.has(connection) && !isGone(error)) throw error;
    } finally {
      if (this.#connections.delete(connection)) connection.close();
    }
  }
}

function isGone(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe;
}

/** The request on a connection, or undefined if it ends before that does. */
async function readRequest(connection: Deno.TcpConn): Promise<HttpRequest | undefined> {
  const piece = new Uint8Array(65536);
  // Each byte as the character of that number, so that lengths are those of bytes.
  let received = "";
  for (;;) {
    const length = await connection.read(piece);
    if (length === null) return undefined;
    for (const byte of piece.subarray(0, length)) received += String.fromCharCode(byte);
    const end = received.indexOf(HEAD_END);
    if (end === -1) continue;
    const [requestLine = "", ...lines] = received.slice(0, end).split("\r\n");
    const headers = new Headers(lines.map((line): [string, string] => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    }));
    const body = received.slice(end + HEAD_END.length);
    if (body.length < Number(headers.get("content-length") ?? 0)) continue;
    const [method = "", target = ""] = requestLine.split(" ");
    const bytes = Uint8Array.from(body, (character) => character.charCodeAt(0));
    const url = new URL(target, "http://host");
    return { method, url, headers, body: new TextDecoder().decode(bytes) };
  }
}

async function sendAnswer(
  connection: Deno.TcpConn,
  { status, reason, body }: HttpAnswer,
): Promise<void> {
  const encoder = new TextEncoder();
  const content = encoder.encode(body);
  const head = [
    `HTTP/1.1 ${status} ${reason}`,
    "Content-Type: application/json;charset=UTF-8",
    `Content-Length: ${content.length}`,
    "Connection: close",
  ].join("\r\n");
  for (const part of [encoder.encode(head + HEAD_END), content]) {
    let rest = part;
    while (rest.length > 0) rest = rest.subarray(await connection.write(rest));
  }
}
