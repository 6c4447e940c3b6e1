import assert from "node:assert/strict";
import { Errno, Libc, LibcError } from "./libc.ts";
import { isInMemory } from "./memory_file_system.ts";

Deno.test("a tmpfs lies in memory, procfs does not count, and a missing path is an error", () => {
  using libc = new Libc();
  assert.equal(isInMemory(libc, "/dev/shm"), true);
  assert.equal(isInMemory(libc, "/proc"), false);
  assert.throws(
    () => isInMemory(libc, "/none"),
    (error) => error instanceof LibcError && error.errno === Errno.ENOENT,
  );
});
