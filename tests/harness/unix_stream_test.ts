import { deepEqual, equal, rejects } from "node:assert/strict";
import { DeadlineError } from "./deadline.ts";
import { GuestAgentClient, GuestAgentError } from "./qemu/guest_agent_client.ts";
import { ConnectionClosedError, UnixStream } from "./unix_stream.ts";

/** A listener on a unix socket, in a directory of its own. */
class Listener implements AsyncDisposable {
  readonly path: string;
  readonly #directory: string;
  readonly #listener: Deno.UnixListener;

  constructor() {
    this.#directory = Deno.makeTempDirSync();
    this.path = `${this.#directory}/socket`;
    this.#listener = Deno.listen({ transport: "unix", path: this.path });
  }

  accept(): Promise<Deno.UnixConn> {
    return this.#listener.accept();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await Deno.remove(this.#directory, { recursive: true });
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

Deno.test("lines come whole, however the bytes arrive", async () => {
  await using listener = new Listener();
  await using stream = await UnixStream.connect(listener.path);
  using peer = await listener.accept();
  const first = stream.receiveUntil(0x0a);
  for (const piece of ["on", "e\ntw", "o\n\nthr"]) await peer.write(encoder.encode(piece));
  equal(decoder.decode(await first), "one");
  equal(decoder.decode(await stream.receiveUntil(0x0a)), "two");
  equal(decoder.decode(await stream.receiveUntil(0x0a)), "");
  equal(decoder.decode(await stream.receive()), "thr");
});

Deno.test("what came before a deadline is there after it", async () => {
  await using listener = new Listener();
  await using stream = await UnixStream.connect(listener.path);
  using peer = await listener.accept();
  await peer.write(encoder.encode("half "));
  await rejects(stream.receiveUntil(0x0a, { timeoutMs: 50 }), DeadlineError);
  await peer.write(encoder.encode("and half\n"));
  equal(decoder.decode(await stream.receiveUntil(0x0a)), "half and half");
});

Deno.test("a peer that leaves ends the wait", async () => {
  await using listener = new Listener();
  await using stream = await UnixStream.connect(listener.path);
  (await listener.accept()).close();
  await rejects(stream.receive(), ConnectionClosedError);
});

Deno.test("nobody listens", async () => {
  await rejects(
    UnixStream.connect("/nonexistent/socket", { timeoutMs: 30 }),
    /nobody listens on \/nonexistent\/socket after 30 ms/,
  );
});

Deno.test("a guest agent's client finds its reply behind stale ones", async () => {
  await using listener = new Listener();
  await using client = await GuestAgentClient.connect(listener.path);
  using peer = await listener.accept();
  const synced = client.sync();
  const received = new Uint8Array(1000);
  let request = "";
  while (!request.endsWith("\n")) {
    request += String.fromCharCode(...received.subarray(0, await peer.read(received) ?? 0));
  }
  const id = /"id":(\d+)/.exec(request)?.[1];
  equal(request, `\xff{"execute":"guest-sync-delimited","arguments":{"id":${id}}}\n`);
  await peer.write(encoder.encode('{"return": {}}\n{"error": {"class": "GenericError"}}\n'));
  await peer.write(new Uint8Array([0xff]));
  await peer.write(encoder.encode('{"return": 1}\n'));
  await peer.write(new Uint8Array([0xff]));
  await peer.write(encoder.encode(`{"return": ${id}}\n`));
  await synced;

  await peer.write(encoder.encode('{"return": 9223372036854775807}\n'));
  equal(await client.execute("guest-get-time"), 9223372036854775807n);
  await peer.write(encoder.encode('{"error": {"class": "CommandNotFound", "desc": "no x"}}\n'));
  const error: unknown = await client.execute("x").catch((reason: unknown) => reason);
  if (!(error instanceof GuestAgentError)) throw error;
  deepEqual([error.errorClass, error.description], ["CommandNotFound", "no x"]);
});

Deno.test("a client that waits for a listener can be told that there will be none", async () => {
  const path = `${await Deno.makeTempDir()}/socket`;
  const ended = new AbortController();
  const connecting = UnixStream.connect(path, { signal: ended.signal });
  ended.abort(new Error("the program has ended"));
  await rejects(connecting, /the program has ended/);
  await Deno.remove(path.replace(/\/socket$/, ""));
});
