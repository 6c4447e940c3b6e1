import assert from "node:assert/strict";
import { TemporaryDirectory } from "../../../tests/harness/temporary_directory.ts";
import { fileSystemUsage } from "./file_system_usage.ts";
import { Libc } from "../../linux/libc.ts";

Deno.test("the sizes are those that stat(1) tells", async () => {
  await using directory = await TemporaryDirectory.create();
  using libc = new Libc();
  const stat = await new Deno.Command("stat", {
    args: ["--file-system", "--format=%S %b", directory.path],
  }).output();
  const [blockSize = "", blocks = ""] = new TextDecoder().decode(stat.stdout).trim().split(" ");
  const usage = fileSystemUsage(libc, directory.path);
  assert.ok(usage !== undefined);
  assert.equal(usage.totalPrivileged, BigInt(blockSize) * BigInt(blocks));
  assert.ok(usage.used <= usage.total && usage.total <= usage.totalPrivileged);
});

Deno.test("a path that is not there has no sizes", async () => {
  await using directory = await TemporaryDirectory.create();
  using libc = new Libc();
  assert.equal(fileSystemUsage(libc, `${directory.path}/none`), undefined);
});
