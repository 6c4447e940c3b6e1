import assert from "node:assert/strict";
import { KernelFiles } from "../linux/kernel_files.ts";
import { Libc } from "../linux/libc.ts";
import { ActivityRecorder } from "../../tests/harness/activity_recorder.ts";
import { ForgetfulLibc } from "../../tests/harness/fixtures/forgetful_libc.ts";
import { LogRecorder } from "../../tests/harness/log_recorder.ts";
import { TemporaryDirectory } from "../../tests/harness/temporary_directory.ts";
import type { Session } from "./channel.ts";
import { openDevice } from "./device_file.ts";
import { isaSerialChannel } from "./isa_serial.ts";
import { PtyChannel } from "./pty.ts";
import { virtioSerialChannel } from "./virtio_serial.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);

async function next(sessions: AsyncIterator<Session>): Promise<Session> {
  const { value, done } = await sessions.next();
  assert.ok(!done, "the sessions ended");
  return value;
}

/** One end of a terminal, read and written without waiting for long. */
class Terminal implements Disposable {
  readonly #libc: Libc;
  readonly #fd: number;

  constructor(libc: Libc, path: string) {
    this.#libc = libc;
    this.#fd = openDevice(libc, path);
  }

  send(text: string): void {
    const bytes = encode(text);
    const count = this.#libc.file.write(this.#fd, bytes, BigInt(bytes.length));
    assert.equal(count, bytes.length);
  }

  async receive(length: number): Promise<string> {
    const buffer = new Uint8Array(1024);
    let text = "";
    for (const deadline = Date.now() + 3000; text.length < length && Date.now() < deadline;) {
      const count = this.#libc.file.read(this.#fd, buffer, 1024n);
      if (count > 0) text += decode(buffer.subarray(0, count));
      else await new Promise((resolve) => setTimeout(resolve, 5));
    }
    return text;
  }

  [Symbol.dispose](): void {
    this.#libc.file.close(this.#fd);
  }
}

Deno.test("a pty passes bytes unchanged, and each client has a session of its own", async () => {
  using libc = new Libc();
  await using channel = new PtyChannel(libc);
  const sessions = channel.sessions();
  for (const text of ["one\r\n\x03", "two"]) {
    let session: Session;
    {
      using client = new Terminal(libc, channel.slavePath);
      client.send(text);
      session = await next(sessions);
      assert.equal(decode(await session.read()), text);
      assert.equal(await session.write(encode("a\nb\r\n")), true);
      assert.equal(await client.receive(5), "a\nb\r\n");
    }
    assert.equal(await session.read(), undefined);
    assert.equal(await session.write(encode("too late")), false);
  }
});

Deno.test("a device is served on when errno was changed behind a call", async () => {
  using libc = new ForgetfulLibc();
  await using channel = new PtyChannel(libc);
  const sessions = channel.sessions();
  using client = new Terminal(libc, channel.slavePath);
  client.send("one");
  const session = await next(sessions);
  assert.equal(decode(await session.read()), "one");
  libc.lies = 2;
  const reading = session.read();
  assert.equal(libc.lies, 0);
  client.send("two");
  assert.equal(decode(await reading), "two");
});

Deno.test("a reply to a client that left while a command ran does not reach the next", async () => {
  using libc = new Libc();
  await using channel = new PtyChannel(libc);
  const sessions = channel.sessions();
  let session: Session;
  {
    using client = new Terminal(libc, channel.slavePath);
    client.send("one");
    session = await next(sessions);
    assert.equal(decode(await session.read()), "one");
  }
  // The hang-up is noticed although nobody reads.
  await new Promise((resolve) => setTimeout(resolve, 50));
  using client = new Terminal(libc, channel.slavePath);
  assert.equal(await session.write(encode("for one")), false);
  client.send("two");
  assert.equal(await session.read(), undefined);
  const second = await next(sessions);
  assert.equal(decode(await second.read()), "two");
  assert.equal(await second.write(encode("for two")), true);
  assert.equal(await client.receive(7), "for two");
});

for (const somebodyCame of [true, false]) {
  const whose = somebodyCame ? "the newcomer's" : "the departed client's";
  Deno.test(`bytes that are read while the hang-up lasts are ${whose}`, async () => {
    using libc = new Libc();
    await using channel = new PtyChannel(libc);
    const sessions = channel.sessions();
    let session: Session;
    {
      using client = new Terminal(libc, channel.slavePath);
      client.send("one");
      session = await next(sessions);
      assert.equal(decode(await session.read()), "one");
      client.send("two");
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
    const reading = session.read();
    if (!somebodyCame) {
      assert.equal(decode(await reading), "two");
      assert.equal(await session.write(encode("for nobody")), false);
      assert.equal(await session.read(), undefined);
      return;
    }
    using client = new Terminal(libc, channel.slavePath);
    assert.equal(await reading, undefined);
    const second = await next(sessions);
    assert.equal(decode(await second.read()), "two");
    assert.equal(await second.write(encode("for two")), true);
    assert.equal(await client.receive(7), "for two");
  });
}

Deno.test("disposing of a pty ends its sessions and a pending read", async () => {
  using libc = new Libc();
  const channel = new PtyChannel(libc);
  const sessions = channel.sessions();
  using client = new Terminal(libc, channel.slavePath);
  client.send("x");
  const session = await next(sessions);
  await session.read();
  const reading = session.read();
  await channel[Symbol.asyncDispose]();
  assert.equal(await reading, undefined);
  assert.ok((await sessions.next()).done);
});

Deno.test("isa-serial makes its line raw and serves it", async () => {
  using libc = new Libc();
  const activity = new ActivityRecorder();
  const { publish } = activity;
  const host = { libc, files: new KernelFiles(libc), log: new LogRecorder(), publish };
  // The master of a pseudo-terminal plays the hypervisor.
  await using hypervisor = new PtyChannel(libc);
  const incoming = hypervisor.sessions();
  await using channel = isaSerialChannel(host, hypervisor.slavePath, "/proc");
  const sessions = channel.sessions();
  const waiting = sessions.next();
  await host.log.waitFor(/serving the device/);
  using helper = new Terminal(libc, hypervisor.slavePath);
  helper.send("hello");
  const master = await next(incoming);
  assert.equal(decode(await master.read()), "hello");
  await master.write(encode("re\nquest"));
  const { value: session } = await waiting;
  assert.ok(session);
  assert.equal(decode(await session.read()), "re\nquest");
  assert.equal(await session.write(encode("\nreply")), true);
  assert.equal(decode(await master.read()), "\nreply");
  const path = hypervisor.slavePath;
  assert.deepEqual(activity.activities, [
    { kind: "port", state: "waiting", path, reason: undefined },
  ]);
});

Deno.test("isa-serial waits for a device that is not a serial line and says so once", async () => {
  using libc = new Libc();
  await using directory = await TemporaryDirectory.create();
  const path = await directory.write("ttyS0", "");
  const log = new LogRecorder();
  const { publish } = new ActivityRecorder();
  const host = { libc, files: new KernelFiles(libc), log, publish };
  const channel = isaSerialChannel(host, path, "/proc");
  const ended = channel.sessions().next();
  await log.waitFor(/is not a serial line, waiting for one/);
  await new Promise((resolve) => setTimeout(resolve, 100));
  await channel[Symbol.asyncDispose]();
  assert.ok((await ended).done);
  assert.equal(log.lines.length, 1);
});

Deno.test("virtio-serial finds its port by name, and logs a missing one once", async () => {
  using libc = new Libc();
  await using directory = await TemporaryDirectory.create();
  const ports = `${directory.path}/class/virtio-ports`;
  await Deno.mkdir(`${ports}/vport1p1`, { recursive: true });
  await Deno.writeTextFile(`${ports}/vport1p1/name`, "com.redhat.spice.0\n");
  await using hypervisor = new PtyChannel(libc);
  const log = new LogRecorder();
  const activity = new ActivityRecorder();
  const { publish } = activity;
  const host = { libc, files: new KernelFiles(libc), log, publish };
  await using channel = virtioSerialChannel(host, {
    path: undefined,
    portName: "org.qemu.guest_agent.0",
    procfs: "/proc",
    sysfs: directory.path,
    devfs: directory.path,
  }, () => undefined);
  const sessions = channel.sessions();
  const waiting = sessions.next();
  await log.waitFor(/org\.qemu\.guest_agent\.0 not found.*only the ports com\.redhat\.spice\.0/);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.equal(log.lines.length, 1);

  // As with a hot-plugged port, the device is there before its name is.
  await Deno.symlink(hypervisor.slavePath, `${directory.path}/vport1p2`);
  await Deno.mkdir(`${ports}/vport1p2`);
  await Deno.writeTextFile(`${ports}/vport1p2/name`, "org.qemu.guest_agent.0\n");
  await log.waitFor(/serving the device/);
  using helper = new Terminal(libc, hypervisor.slavePath);
  helper.send("x");
  const master = await next(hypervisor.sessions());
  await master.write(encode("request"));
  const { value: session } = await waiting;
  assert.ok(session);
  assert.equal(session.client, `${directory.path}/vport1p2`);
  assert.deepEqual(activity.of("port").map(({ state, path }) => [state, path]), [
    ["absent", undefined],
    ["waiting", `${directory.path}/vport1p2`],
  ]);
  assert.equal(decode(await session.read()), "request");
});

Deno.test("virtio-serial looks for a port where none is to be expected, too, and says so once", async () => {
  using libc = new Libc();
  await using directory = await TemporaryDirectory.create();
  await using hypervisor = new PtyChannel(libc);
  const log = new LogRecorder();
  const activity = new ActivityRecorder();
  const { publish } = activity;
  const host = { libc, files: new KernelFiles(libc), log, publish };
  await using channel = virtioSerialChannel(host, {
    path: undefined,
    portName: "org.qemu.guest_agent.0",
    procfs: "/proc",
    sysfs: directory.path,
    devfs: directory.path,
  }, () => "bare metal");
  const waiting = channel.sessions().next();
  const reason = "this machine is no QEMU guest (bare metal): there is no port to wait for";
  await log.waitFor(/no QEMU guest/);
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.deepEqual(log.lines.map(({ level, message }) => [level, message]), [["info", reason]]);

  const port = `${directory.path}/class/virtio-ports/vport1p1`;
  await Deno.mkdir(port, { recursive: true });
  await Deno.writeTextFile(`${port}/name`, "org.qemu.guest_agent.0\n");
  await Deno.symlink(hypervisor.slavePath, `${directory.path}/vport1p1`);
  await log.waitFor(/serving the device/);
  await channel[Symbol.asyncDispose]();
  assert.ok((await waiting).done);
  assert.deepEqual(activity.of("port"), [
    { kind: "port", state: "not-a-guest", path: undefined, reason },
    { kind: "port", state: "waiting", path: `${directory.path}/vport1p1`, reason: undefined },
  ]);
});
