import assert from "node:assert/strict";
import { LogRecorder } from "../../tests/harness/log_recorder.ts";
import { type HttpHandler, type HttpLimits, HttpServer, textResponse } from "./server.ts";
import { silentLog } from "../log/log.ts";

const LOOPBACK = { hostname: "127.0.0.1", port: 0 };
const GET = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
const hello: HttpHandler = ({ path }) => textResponse(200, `hello ${path}`);

/** Serves until it is disposed of, and then waits until nothing of it is left. */
class Bench implements AsyncDisposable {
  readonly server: HttpServer;
  readonly port: number;

  constructor(handler: HttpHandler, log = silentLog, limits?: HttpLimits) {
    this.server = new HttpServer(LOOPBACK, handler, log, limits);
    this.port = this.server.address.port;
  }

  connect(): Promise<Deno.TcpConn> {
    return Deno.connect({ hostname: "127.0.0.1", port: this.port });
  }

  /** Sends a text and gives all that comes back. */
  async exchange(text: string): Promise<string> {
    const connection = await this.connect();
    await connection.write(new TextEncoder().encode(text));
    return await readAll(connection);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server[Symbol.dispose]();
    await this.server.done;
  }
}

/** What comes until the other side closes or resets the connection, which is closed then. */
async function readAll(connection: Deno.TcpConn): Promise<string> {
  let text = "";
  const buffer = new Uint8Array(65_536);
  try {
    for (;;) {
      const count = await connection.read(buffer);
      if (count === null) return text;
      text += new TextDecoder().decode(buffer.subarray(0, count));
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
    return text;
  } finally {
    connection.close();
  }
}

Deno.test("GET gets an answer, HEAD its head, and other methods 405", async () => {
  await using bench = new Bench(hello);
  const response = await fetch(`http://127.0.0.1:${bench.port}/a?b`);
  assert.deepEqual([response.status, await response.text()], [200, "hello /a\n"]);
  assert.equal(response.headers.get("content-type"), "text/plain; charset=utf-8");
  const head = await bench.exchange("HEAD /abc HTTP/1.1\r\n\r\n");
  assert.match(head, /^HTTP\/1\.1 200 OK\r\n[^]*content-length: 11\r\n[^]*\r\n\r\n$/);
  const post = await bench.exchange("POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc");
  assert.match(post, /^HTTP\/1\.1 405 [^]*allow: GET, HEAD\r\n/);
});

Deno.test("a request may come byte by byte", async () => {
  await using bench = new Bench(hello);
  const connection = await bench.connect();
  connection.setNoDelay(true);
  for (const byte of new TextEncoder().encode(GET)) await connection.write(Uint8Array.of(byte));
  assert.match(await readAll(connection), /^HTTP\/1\.1 200 /);
});

Deno.test("what is not a request, or too long a one, is told so", async () => {
  await using bench = new Bench(hello);
  assert.match(await bench.exchange("nonsense\r\n\r\n"), /^HTTP\/1\.1 400 /);
  const long = `GET / HTTP/1.1\r\nx: ${"y".repeat(100_000)}\r\n\r\n`;
  assert.match(await bench.exchange(long), /^HTTP\/1\.1 431 /);
});

Deno.test("a handler that fails is logged and answered with 500", async () => {
  const log = new LogRecorder();
  await using bench = new Bench(() => Promise.reject(new Error("secret detail")), log);
  const answer = await bench.exchange(GET);
  assert.match(answer, /^HTTP\/1\.1 500 /);
  assert.doesNotMatch(answer, /secret detail/);
  assert.equal(log.matching(/an HTTP request failed/)[0]?.fields["error"], "secret detail");
});

Deno.test("a client that never ends its request is cut", async () => {
  const limits = { connections: 8, connectionsPerTenth: 100, milliseconds: 50 };
  await using bench = new Bench(hello, silentLog, limits);
  const connection = await bench.connect();
  await connection.write(new TextEncoder().encode("GET / HTT"));
  assert.equal(await readAll(connection), "");
});

Deno.test("for one connection too many the oldest is closed, so that new ones are answered", async () => {
  const limits = { connections: 4, connectionsPerTenth: 100, milliseconds: 60_000 };
  await using bench = new Bench(hello, silentLog, limits);
  const idle: Deno.TcpConn[] = [];
  for (let count = 0; count < 10; count++) idle.push(await bench.connect());
  assert.match(await bench.exchange(GET), /^HTTP\/1\.1 200 /);
  const [oldest, ...others] = idle;
  assert.ok(oldest !== undefined);
  assert.equal(await readAll(oldest), "");
  for (const connection of others) connection.close();
});

Deno.test("more connections than may be taken in a while wait for the next while", async () => {
  const limits = { connections: 100, connectionsPerTenth: 2, milliseconds: 60_000 };
  await using bench = new Bench(hello, silentLog, limits);
  const answers = await Promise.all(Array.from({ length: 7 }, () => bench.exchange(GET)));
  for (const answer of answers) assert.match(answer, /^HTTP\/1\.1 200 /);
});

Deno.test("it stops at once, whatever its clients and pages are at", async () => {
  const page = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  const bench = new Bench(async () => {
    asked.resolve();
    await page.promise;
    return textResponse(200, "too late");
  });
  const connection = await bench.connect();
  await connection.write(new TextEncoder().encode(GET));
  await asked.promise;
  bench.server[Symbol.dispose]();
  assert.equal(await readAll(connection), "");
  await assert.rejects(bench.connect());
  page.resolve();
  await bench.server.done;
});

Deno.test("without a host it listens on IPv4, and on IPv6 where that is", async () => {
  const server = new HttpServer({ hostname: undefined, port: 0 }, hello, silentLog);
  const { hostname, port } = server.address;
  const hosts = hostname === "::" ? ["127.0.0.1", "[::1]"] : ["127.0.0.1"];
  for (const host of hosts) {
    assert.equal(await (await fetch(`http://${host}:${port}/`)).text(), "hello /\n");
  }
  server[Symbol.dispose]();
  await server.done;
});

Deno.test("an address that is taken cannot be listened on", async () => {
  await using bench = new Bench(hello);
  const { port } = bench;
  assert.throws(
    () => new HttpServer({ hostname: "127.0.0.1", port }, hello, silentLog),
    Deno.errors.AddrInUse,
  );
});
