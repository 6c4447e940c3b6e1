import assert from "node:assert/strict";
import { Errno, Libc, LibcError } from "../host/libc.ts";
import { KernelFileSystemCalls } from "./file_system_calls.ts";

// procfs can neither be frozen nor trimmed, so that nothing happens to the machine of the test.
const HARMLESS = "/proc";

const failsWith = (...errnos: number[]) => (error: unknown) => {
  assert.ok(error instanceof LibcError);
  assert.ok(errnos.includes(error.errno), error.message);
  return true;
};

Deno.test("a call that fails tells the kernel's own error", async () => {
  using libc = new Libc();
  const calls = new KernelFileSystemCalls(libc);
  const handle = await calls.open(HARMLESS);
  // EPERM and EACCES where the test has not the right to try.
  await assert.rejects(calls.freeze(handle), failsWith(Errno.EOPNOTSUPP, 1));
  await assert.rejects(calls.thaw(handle), failsWith(Errno.EINVAL, Errno.EOPNOTSUPP, 1));
  await assert.rejects(calls.trim(handle, 0n), failsWith(Errno.ENOTTY, 1));
  calls.close(handle);
  await assert.rejects(calls.thaw(handle), (error) => {
    assert.ok(error instanceof LibcError);
    assert.equal(error.message, "thaw: Bad file descriptor");
    return true;
  });
  await assert.rejects(calls.open(`${HARMLESS}/none`), failsWith(Errno.ENOENT));
});

Deno.test("calls made at once are answered each with its own result", async () => {
  using libc = new Libc();
  const calls = new KernelFileSystemCalls(libc);
  const handles = await Promise.all([calls.open(HARMLESS), calls.open(HARMLESS)]);
  assert.equal(new Set(handles).size, 2);
  const results = await Promise.allSettled([
    calls.open(HARMLESS),
    calls.thaw(handles[0] ?? -1),
    calls.open("/none"),
    calls.thaw(-1),
  ]);
  assert.deepEqual(results.map(({ status }) => status), [
    "fulfilled",
    "rejected",
    "rejected",
    "rejected",
  ]);
  for (const handle of handles) calls.close(handle);
  const [opened] = results;
  assert.ok(opened?.status === "fulfilled" && typeof opened.value === "number");
  calls.close(opened.value);
});
