import assert from "node:assert/strict";
import { FixtureHost } from "../../../tests/harness/fixtures/host.ts";
import { readFileSystemUsage } from "./file_system_usage.ts";

Deno.test("the sizes are those that stat(1) tells", async () => {
  await using host = await FixtureHost.create();
  const stat = await new Deno.Command("stat", {
    args: ["--file-system", "--format=%S %b", host.path],
  }).output();
  const [blockSize = "", blocks = ""] = new TextDecoder().decode(stat.stdout).trim().split(" ");
  const usage = readFileSystemUsage(host.context.host, host.path);
  assert.ok(usage !== undefined);
  assert.equal(usage.totalPrivileged, BigInt(blockSize) * BigInt(blocks));
  assert.ok(usage.used <= usage.total && usage.total <= usage.totalPrivileged);
});

Deno.test("a path that is not there has no sizes", async () => {
  await using host = await FixtureHost.create();
  assert.equal(readFileSystemUsage(host.context.host, `${host.path}/none`), undefined);
});
