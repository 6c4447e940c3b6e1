import assert from "node:assert/strict";
import { ForgetfulLibc } from "../../tests/harness/fixtures/forgetful_libc.ts";
import { TemporaryDirectory } from "../../tests/harness/temporary_directory.ts";
import { KernelFiles } from "./kernel_files.ts";
import { cString, Errno, OpenFlag } from "./libc.ts";

Deno.test("an errno that was expected is believed at once, another when it comes each time", () => {
  using libc = new ForgetfulLibc();
  let calls = 0;
  const open = (path: string) => () => {
    calls++;
    return libc.file.open(cString(path), OpenFlag.RDONLY, 0);
  };
  assert.equal(libc.outcome(open("/nonexistent/file"), [Errno.ENOENT]), -Errno.ENOENT);
  assert.equal(calls, 1);
  calls = 0;
  assert.equal(libc.outcome(open("/dev/null/file"), [Errno.ENOENT]), -Errno.ENOTDIR);
  assert.equal(calls, 3);
  calls = 0;
  libc.lie = Errno.EAGAIN;
  libc.lies = 2;
  assert.equal(libc.outcome(open("/nonexistent/file"), [Errno.ENOENT]), -Errno.ENOENT);
  assert.equal(calls, 3);
});

Deno.test("a call that succeeds when it is made again has not failed", () => {
  using libc = new ForgetfulLibc();
  const results = [-1, 7];
  assert.equal(libc.outcome(() => results.shift() ?? 0, []), 7);
});

Deno.test("a file that is not there is none, also when errno was changed behind the call", async () => {
  using libc = new ForgetfulLibc();
  libc.lie = Errno.EAGAIN;
  await using directory = await TemporaryDirectory.create();
  const files = new KernelFiles(libc);
  const path = `${directory.path}/none`;
  for (
    const [read, expected] of [
      [() => files.readTextIfPresent(path), undefined],
      [() => files.readAttributeIfPresent(path), undefined],
      [() => files.list(path), []],
    ] as const
  ) {
    libc.lies = 2;
    assert.deepEqual(read(), expected);
    assert.equal(libc.lies, 0);
  }
});
