import assert from "node:assert/strict";
import { FileSystemThread } from "./file_system_thread.ts";
import { Errno, LibcError } from "./libc.ts";

// procfs can neither be frozen nor trimmed, so that nothing happens to the machine of the test.
const HARMLESS = "/proc";

const failsWith = (...errnos: number[]) => (error: unknown) => {
  assert.ok(error instanceof LibcError);
  assert.ok(errnos.includes(error.errno), error.message);
  return true;
};

Deno.test("the thread makes the calls, and tells the kernel's own errors", async () => {
  using thread = await FileSystemThread.start();
  const handle = await thread.open(HARMLESS);
  // EPERM and EACCES where the test has not the right to try.
  await assert.rejects(thread.freeze(handle), failsWith(Errno.EOPNOTSUPP, 1));
  await assert.rejects(thread.thaw(handle), failsWith(Errno.EINVAL, Errno.EOPNOTSUPP, 1));
  await assert.rejects(thread.trim(handle, 0n), failsWith(Errno.ENOTTY, 1));
  await thread.close(handle);
  await assert.rejects(thread.thaw(handle), (error) => {
    assert.ok(error instanceof LibcError);
    assert.equal(error.message, "thaw: Bad file descriptor");
    return true;
  });
  await assert.rejects(thread.open(`${HARMLESS}/none`), failsWith(Errno.ENOENT));
});

Deno.test("calls made at once are answered each with its own result", async () => {
  using thread = await FileSystemThread.start();
  const handles = await Promise.all([thread.open(HARMLESS), thread.open(HARMLESS)]);
  assert.equal(new Set(handles).size, 2);
  const results = await Promise.allSettled([
    ...handles.map((handle) => thread.close(handle)),
    thread.open("/none"),
    thread.thaw(-1),
  ]);
  assert.deepEqual(results.map(({ status }) => status), [
    "fulfilled",
    "fulfilled",
    "rejected",
    "rejected",
  ]);
});

Deno.test("a thread that has ended rejects what was asked and what will be", async () => {
  const thread = await FileSystemThread.start();
  const pending = assert.rejects(thread.open(HARMLESS), /has ended/);
  thread[Symbol.dispose]();
  await pending;
  await assert.rejects(thread.open(HARMLESS), /has ended/);
});
