import assert from "node:assert/strict";
import { KernelFiles } from "../linux/kernel_files.ts";
import { Errno, Libc, LibcError } from "../linux/libc.ts";
import { publishNothing } from "../activity/activity.ts";
import { silentLog } from "../log/log.ts";
import { openDevice } from "./device_file.ts";
import { ReopeningChannel } from "./reopening_channel.ts";

Deno.test("a device that gets free while the channel is closed is given back", async () => {
  using libc = new Libc();
  let looks = 0;
  let opened = -1;
  let closed = Promise.resolve();
  const files = new KernelFiles(libc);
  const host = { libc, files, log: silentLog, publish: publishNothing };
  const channel = new ReopeningChannel(host, () => {
    looks++;
    if (looks === 1) return { reason: "busy", directory: "/dev" };
    // The signal to stop comes together with the device.
    closed = channel[Symbol.asyncDispose]();
    opened = openDevice(libc, "/dev/ptmx");
    return { fd: opened, path: "/dev/ptmx" };
  }, { reopenAfterHangup: false });
  const next = await channel.sessions()[Symbol.asyncIterator]().next();
  await closed;
  assert.deepEqual(next, { value: undefined, done: true });
  assert.ok(opened >= 0);
  const again = () => libc.check(libc.file.close(opened), "close");
  assert.throws(again, (error) => error instanceof LibcError && error.errno === Errno.EBADF);
});
