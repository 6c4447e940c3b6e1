import assert from "node:assert/strict";
import { plainResult } from "../../tests/harness/plain_result.ts";
import { FixtureHost } from "../../tests/harness/fixtures/host.ts";
import { guestGetDiskstats } from "./disk_statistics.ts";

async function statsOf(...lines: readonly string[]): Promise<unknown> {
  await using host = await FixtureHost.create({ "proc/diskstats": `${lines.join("\n")}\n` });
  return plainResult(await guestGetDiskstats.execute({}, host.context));
}

Deno.test("each of the kernel's columns has its counter, and later ones have none", async () => {
  const columns = (count: number) =>
    Array.from({ length: count }, (_unused, index) => index + 1).join(" ");
  const stats = async (count: number) => await statsOf(` 254       1 vda1 ${columns(count)}`);
  const expected = [{
    name: "vda1",
    major: 254,
    minor: 1,
    stats: {
      "read-ios": 1,
      "read-merges": 2,
      "read-sectors": 3,
      "read-ticks": 4,
      "write-ios": 5,
      "write-merges": 6,
      "write-sectors": 7,
      "write-ticks": 8,
      "ios-pgr": 9,
      "total-ticks": 10,
      "weight-ticks": 11,
      "discard-ios": 12,
      "discard-merges": 13,
      "discard-sectors": 14,
      "discard-ticks": 15,
      "flush-ios": 16,
      "flush-ticks": 17,
    },
  }];
  assert.deepEqual(await stats(17), expected);
  assert.deepEqual(await stats(20), expected);
});

Deno.test("counters are exact, and lines of another shape are passed over", async () => {
  const sixteen = "0 ".repeat(16);
  const [disk, ...others] = await statsOf(
    "x",
    "",
    `7 0 cciss!c0d0 18446744073709551615 ${sixteen}`,
    `7 1 loop1 ${sixteen}`,
    `7 2 loop2 ${sixteen} x`,
  ) as { name: string; stats: Record<string, unknown> }[];
  assert.equal(disk?.name, "cciss!c0d0");
  assert.equal(disk?.stats["read-ios"], 2n ** 64n - 1n);
  assert.deepEqual(others, []);
});
