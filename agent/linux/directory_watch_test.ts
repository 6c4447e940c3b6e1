import assert from "node:assert/strict";
import { TemporaryDirectory } from "../../tests/harness/temporary_directory.ts";
import { DirectoryWatch } from "./directory_watch.ts";
import { Libc } from "./libc.ts";

Deno.test("a new entry is a change, and so is a file's being closed", async () => {
  await using directory = await TemporaryDirectory.create();
  using libc = new Libc();
  await using watch = new DirectoryWatch(libc);
  const file = await directory.write("file", "");
  assert.equal(watch.watchEntries(directory.path), true);
  assert.equal(watch.watchEntries(`${directory.path}/none`), false);
  assert.equal(await watch.change(10), false);
  const pending = watch.change(3000);
  await directory.write("new", "");
  assert.equal(await pending, true);
  assert.equal(watch.watchClose(file), true);
  (await Deno.open(file)).close();
  assert.equal(await watch.change(3000), true);
});

Deno.test("disposing ends a pending wait", async () => {
  using libc = new Libc();
  const watch = new DirectoryWatch(libc);
  const pending = watch.change(60_000);
  await watch[Symbol.asyncDispose]();
  assert.equal(await pending, false);
  await watch[Symbol.asyncDispose]();
});
