import assert from "node:assert/strict";
import { ForgetfulLibc } from "../../tests/harness/fixtures/forgetful_libc.ts";
import { TemporaryDirectory } from "../../tests/harness/temporary_directory.ts";
import { KernelFiles } from "../linux/kernel_files.ts";
import { Libc } from "../linux/libc.ts";
import { ChannelError, type Session } from "./channel.ts";
import type { SocketListener } from "./socket_listener.ts";
import { unixListenChannel } from "./unix_listen.ts";

function listen(libc: Libc, path: string): SocketListener {
  return unixListenChannel(libc, new KernelFiles(libc), path);
}

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);

async function next(sessions: AsyncIterator<Session>): Promise<Session> {
  const { value, done } = await sessions.next();
  assert.ok(!done, "the sessions ended");
  return value;
}

Deno.test("clients are served one after the other, each in a session of its own", async () => {
  using libc = new Libc();
  await using directory = await TemporaryDirectory.create();
  const path = `${directory.path}/s.sock`;
  await using channel = listen(libc, path);
  assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
  const sessions = channel.sessions()[Symbol.asyncIterator]();
  for (const text of ["one", "two"]) {
    using client = await Deno.connect({ transport: "unix", path });
    await client.write(encode(text));
    const session = await next(sessions);
    assert.equal(session.client, path);
    assert.equal(decode(await session.read()), text);
    assert.equal(await session.write(encode(`re: ${text}`)), true);
    const answer = new Uint8Array(20);
    const count = await client.read(answer);
    assert.equal(decode(answer.subarray(0, count ?? 0)), `re: ${text}`);
    client.closeWrite();
    assert.equal(await session.read(), undefined);
  }
});

Deno.test("a reply to a client that has left is dropped, and the next client is served", async () => {
  using libc = new Libc();
  await using directory = await TemporaryDirectory.create();
  const path = `${directory.path}/s.sock`;
  await using channel = listen(libc, path);
  const sessions = channel.sessions()[Symbol.asyncIterator]();
  const first = await Deno.connect({ transport: "unix", path });
  await first.write(encode("half a requ"));
  const session = await next(sessions);
  assert.equal(decode(await session.read()), "half a requ");
  first.close();
  assert.equal(await session.read(), undefined);
  assert.equal(await session.write(encode("too late")), false);

  using second = await Deno.connect({ transport: "unix", path });
  await second.write(encode("hello"));
  assert.equal(decode(await (await next(sessions)).read()), "hello");
});

Deno.test("a large reply waits for its reader, and ends when the client leaves", async () => {
  using libc = new Libc();
  await using directory = await TemporaryDirectory.create();
  const path = `${directory.path}/s.sock`;
  await using channel = listen(libc, path);
  const sessions = channel.sessions()[Symbol.asyncIterator]();
  const client = await Deno.connect({ transport: "unix", path });
  const session = await next(sessions);
  const written = session.write(new Uint8Array(4 * 1024 * 1024));
  await client.read(new Uint8Array(1024));
  client.close();
  assert.equal(await written, false);
});

Deno.test("a large reply reaches a slow reader whole, and the next request is served", async () => {
  using libc = new Libc();
  await using directory = await TemporaryDirectory.create();
  const path = `${directory.path}/s.sock`;
  await using channel = listen(libc, path);
  const sessions = channel.sessions()[Symbol.asyncIterator]();
  using client = await Deno.connect({ transport: "unix", path });
  const session = await next(sessions);
  const reply = new Uint8Array(1024 * 1024).map((_, index) => index % 251);
  const written = session.write(reply);
  const buffer = new Uint8Array(10_000);
  for (let offset = 0; offset < reply.length;) {
    const count = await client.read(buffer) ?? 0;
    assert.deepEqual(buffer.subarray(0, count), reply.subarray(offset, offset + count));
    offset += count;
    await new Promise((resolve) => setTimeout(resolve));
  }
  assert.equal(await written, true);
  await client.write(encode("more"));
  assert.equal(decode(await session.read()), "more");
});

Deno.test("a client is served on when errno was changed behind a call", async () => {
  using libc = new ForgetfulLibc();
  await using directory = await TemporaryDirectory.create();
  const path = `${directory.path}/s.sock`;
  await using channel = listen(libc, path);
  const sessions = channel.sessions()[Symbol.asyncIterator]();
  using client = await Deno.connect({ transport: "unix", path });
  libc.lies = 2;
  const session = await next(sessions);
  libc.lies = 2;
  const reading = session.read();
  assert.equal(libc.lies, 0);
  await client.write(encode("hello"));
  assert.equal(decode(await reading), "hello");
  // The socket's buffer is full in between.
  const writing = session.write(new Uint8Array(1024 * 1024));
  libc.lies = 2;
  const buffer = new Uint8Array(64 * 1024);
  for (let length = 0; length < 1024 * 1024;) length += await client.read(buffer) ?? 0;
  assert.equal(await writing, true);
});

Deno.test("a path that no socket can have is refused", async () => {
  using libc = new Libc();
  await using directory = await TemporaryDirectory.create();
  const longest = `${directory.path}/${"x".repeat(106 - directory.path.length)}`;
  await using _channel = listen(libc, longest);
  assert.ok((await Deno.lstat(longest)).isSocket);
  assert.throws(() => listen(libc, `${longest}x`), /107 bytes at most, not 108/);
});

Deno.test("a second listener on the same path is refused, and the first continues", async () => {
  using libc = new Libc();
  await using directory = await TemporaryDirectory.create();
  const path = `${directory.path}/s.sock`;
  await using _channel = listen(libc, path);
  assert.throws(() => listen(libc, path), (error) => {
    assert.ok(error instanceof ChannelError);
    assert.match(error.message, /another agent is listening there already/);
    return true;
  });
  (await Deno.connect({ transport: "unix", path })).close();
});

Deno.test("a stale socket is replaced, a file that is not a socket is not", async () => {
  using libc = new Libc();
  await using directory = await TemporaryDirectory.create();
  const path = `${directory.path}/s.sock`;
  {
    // Renamed, since Deno removes the file of a listener that it closes.
    using _listener = Deno.listen({ transport: "unix", path: `${path}.old` });
    await Deno.rename(`${path}.old`, path);
  }
  assert.ok((await Deno.lstat(path)).isSocket);
  {
    await using _channel = listen(libc, path);
    (await Deno.connect({ transport: "unix", path })).close();
  }
  const file = await directory.write("file", "kept");
  assert.throws(() => listen(libc, file), /it exists and is not a socket; remove it/);
  assert.equal(await Deno.readTextFile(file), "kept");
  assert.throws(() => listen(libc, `${directory.path}/no/s.sock`), ChannelError);
});

Deno.test("disposing ends the sessions, a pending read, and the socket file", async () => {
  using libc = new Libc();
  await using directory = await TemporaryDirectory.create();
  const path = `${directory.path}/s.sock`;
  const channel = listen(libc, path);
  const sessions = channel.sessions()[Symbol.asyncIterator]();
  using _client = await Deno.connect({ transport: "unix", path });
  const session = await next(sessions);
  const reading = session.read();
  await channel[Symbol.asyncDispose]();
  assert.equal(await reading, undefined);
  assert.deepEqual(await sessions.next(), { value: undefined, done: true });
  await assert.rejects(Deno.lstat(path), Deno.errors.NotFound);
  await channel[Symbol.asyncDispose]();
});
