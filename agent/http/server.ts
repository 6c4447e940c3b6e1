import { messageOf } from "../fault.ts";
import type { ListenAddress } from "../config/listen_address.ts";
import {
  findHeadEnd,
  type HttpRequest,
  HttpRequestError,
  LONGEST_HEAD,
  readHead,
} from "./request.ts";
import type { Log } from "../log/log.ts";

/** What is sent back. */
export interface HttpResponse {
  readonly status: number;
  /** `content-type`. */
  readonly type: string;
  readonly body: string;
}

/** Answers a request; what it throws becomes status 500. */
export type HttpHandler = (request: HttpRequest) => HttpResponse | Promise<HttpResponse>;

/** Bounds that keep strangers from taking the agent's time and memory. */
export interface HttpLimits {
  /** Connections open at the same time; for one more, the oldest is closed. */
  readonly connections: number;
  /** Connections taken in a tenth of a second; the others wait in the kernel. */
  readonly connectionsPerTenth: number;
  /** From the connection to the end of its answer, in milliseconds. */
  readonly milliseconds: number;
}

const DEFAULT_LIMITS: HttpLimits = {
  connections: 64,
  connectionsPerTenth: 100,
  milliseconds: 5_000,
};

const TENTH_MS = 100;
/** After a failure to take connections, such as no free descriptors. */
const PAUSE_MS = 1_000;
/** How much of what follows a request is read and thrown away, so that its answer arrives. */
const LONGEST_REST = 256 * 1024;
const READ_SIZE = 4 * 1024;

const REASONS: Readonly<Record<number, string>> = {
  200: "OK",
  400: "Bad Request",
  404: "Not Found",
  405: "Method Not Allowed",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  503: "Service Unavailable",
  505: "HTTP Version Not Supported",
};

/**
 * A small HTTP/1.1 server for GET and HEAD: one request a connection, a bounded number of connections,
 * and a bounded time for each. (Deno.serve has no such bounds: 10 000 connections take 10 000
 * descriptors, and a client that never ends its request keeps its one forever.)
 */
export class HttpServer implements Disposable {
  readonly #listener: Deno.TcpListener;
  readonly #handler: HttpHandler;
  readonly #log: Log;
  readonly #limits: HttpLimits;
  /** In the order of their arrival. */
  readonly #connections = new Set<Deno.TcpConn>();
  readonly #done: Promise<void>;
  #endPause: (() => void) | undefined;
  #closed = false;

  /**
   * Listens and serves. Without a host it listens on all addresses of IPv6 and IPv4, or of IPv4 where
   * there is no IPv6.
   *
   * @throws Error of Deno when the address cannot be listened on
   */
  constructor(
    address: ListenAddress,
    handler: HttpHandler,
    log: Log,
    limits: HttpLimits = DEFAULT_LIMITS,
  ) {
    this.#listener = listen(address);
    this.#handler = handler;
    this.#log = log;
    this.#limits = limits;
    this.#done = this.#accept();
  }

  /** The address that it listens on. */
  get address(): Deno.NetAddr {
    return this.#listener.addr;
  }

  /** Settles when nothing is done any more after `Symbol.dispose`. */
  get done(): Promise<void> {
    return this.#done;
  }

  /** Stops at once; requests under way are cut. */
  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listener.close();
    for (const connection of this.#connections) this.#close(connection);
    this.#endPause?.();
  }

  async #accept(): Promise<void> {
    const served = new Set<Promise<void>>();
    let tenth = 0;
    let count = 0;
    while (!this.#closed) {
      const now = Math.floor(performance.now() / TENTH_MS);
      if (now !== tenth) [tenth, count] = [now, 0];
      if (count >= this.#limits.connectionsPerTenth) {
        await this.#pause(TENTH_MS);
        continue;
      }
      let connection: Deno.TcpConn;
      try {
        connection = await this.#listener.accept();
      } catch (error) {
        if (this.#closed) break;
        this.#log.warn("cannot take an HTTP connection", { error: messageOf(error) });
        await this.#pause(PAUSE_MS);
        continue;
      }
      count++;
      this.#makeRoom();
      this.#connections.add(connection);
      const serving = this.#serve(connection).finally(() => served.delete(serving));
      served.add(serving);
    }
    await Promise.all(served);
  }

  async #pause(milliseconds: number): Promise<void> {
    if (this.#closed) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#endPause = undefined;
  }

  #makeRoom(): void {
    if (this.#connections.size < this.#limits.connections) return;
    const [oldest] = this.#connections;
    if (oldest !== undefined) this.#close(oldest);
  }

  #close(connection: Deno.TcpConn): void {
    if (this.#connections.delete(connection)) connection.close();
  }

  /** Never throws: a connection that breaks is nobody's fault here. */
  async #serve(connection: Deno.TcpConn): Promise<void> {
    const timer = setTimeout(() => this.#close(connection), this.#limits.milliseconds);
    try {
      const request = await readRequest(connection);
      if (request === undefined) return;
      const response = request instanceof HttpRequestError
        ? textResponse(request.status, request.message)
        : await this.#answer(request);
      const withBody = request instanceof HttpRequestError || request.method !== "HEAD";
      await writeAll(connection, formatResponse(response, withBody));
      await connection.closeWrite();
      await readRest(connection);
    } catch (error) {
      if (!this.#closed) {
        this.#log.debug("an HTTP connection broke", { error: messageOf(error) });
      }
    } finally {
      clearTimeout(timer);
      this.#close(connection);
    }
  }

  async #answer(request: HttpRequest): Promise<HttpResponse> {
    if (request.method !== "GET" && request.method !== "HEAD") {
      return textResponse(405, "only GET and HEAD are served here");
    }
    try {
      return await this.#handler(request);
    } catch (error) {
      const reason = messageOf(error);
      this.#log.error("an HTTP request failed", { path: request.path, error: reason });
      return textResponse(500, "this failed; the agent's log says why");
    }
  }
}

/** An answer of one line of plain text. */
export function textResponse(status: number, line: string): HttpResponse {
  return { status, type: "text/plain; charset=utf-8", body: `${line}\n` };
}

function listen({ hostname, port }: ListenAddress): Deno.TcpListener {
  if (hostname !== undefined) return Deno.listen({ hostname, port });
  try {
    return Deno.listen({ hostname: "::", port });
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) throw error;
    return Deno.listen({ hostname: "0.0.0.0", port });
  }
}

/** The request, or what is wrong with it; undefined when the client leaves before it is whole. */
async function readRequest(
  connection: Deno.TcpConn,
): Promise<HttpRequest | HttpRequestError | undefined> {
  const buffer = new Uint8Array(READ_SIZE);
  let head = new Uint8Array();
  for (;;) {
    const count = await connection.read(buffer);
    if (count === null) return undefined;
    const longer = new Uint8Array(head.length + count);
    longer.set(head);
    longer.set(buffer.subarray(0, count), head.length);
    head = longer;
    const end = findHeadEnd(head);
    if (end !== undefined && end <= LONGEST_HEAD) {
      try {
        return readHead(head.subarray(0, end));
      } catch (error) {
        if (error instanceof HttpRequestError) return error;
        throw error;
      }
    }
    if (head.length > LONGEST_HEAD) {
      return new HttpRequestError(431, `the request's head is longer than ${LONGEST_HEAD} bytes`);
    }
  }
}

/** Closing a connection with unread bytes in it would make the kernel throw away the answer. */
async function readRest(connection: Deno.TcpConn): Promise<void> {
  const buffer = new Uint8Array(READ_SIZE);
  for (let length = 0; length < LONGEST_REST;) {
    const count = await connection.read(buffer);
    if (count === null) return;
    length += count;
  }
}

function formatResponse({ status, type, body }: HttpResponse, withBody: boolean): Uint8Array {
  const bytes = new TextEncoder().encode(body);
  const head = [
    `HTTP/1.1 ${status} ${REASONS[status] ?? ""}`,
    `content-type: ${type}`,
    `content-length: ${bytes.length}`,
    "cache-control: no-store",
    "x-content-type-options: nosniff",
    ...status === 405 ? ["allow: GET, HEAD"] : [],
    "connection: close",
  ];
  const headBytes = new TextEncoder().encode(`${head.join("\r\n")}\r\n\r\n`);
  if (!withBody) return headBytes;
  const response = new Uint8Array(headBytes.length + bytes.length);
  response.set(headBytes);
  response.set(bytes, headBytes.length);
  return response;
}

async function writeAll(connection: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let offset = 0; offset < bytes.length;) {
    offset += await connection.write(bytes.subarray(offset));
  }
}
