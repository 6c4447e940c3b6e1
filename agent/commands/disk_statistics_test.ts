import assert from "node:assert/strict";
import { plainResult } from "../../tests/harness/plain_result.ts";
import { FixtureHost } from "../../tests/harness/fixtures/host.ts";
import { guestGetDiskstats } from "./disk_statistics.ts";

async function statsOf(...lines: readonly string[]): Promise<unknown> {
  await using host = await FixtureHost.create({ "proc/diskstats": `${lines.join("\n")}\n` });
  return plainResult(await guestGetDiskstats.execute({}, host.context));
}

const BASE = {
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
};
const DISCARD = {
  "discard-ios": 12,
  "discard-merges": 13,
  "discard-sectors": 14,
  "discard-ticks": 15,
};

Deno.test("each generation of the kernel's columns has its counters", async () => {
  const columns = (count: number) =>
    Array.from({ length: count }, (_unused, index) => index + 1).join(" ");
  const stats = async (count: number) => await statsOf(` 254       1 vda1 ${columns(count)}`);
  const reply = (counters: object) => [{ name: "vda1", major: 254, minor: 1, stats: counters }];
  const old = { "read-ios": 1, "read-sectors": 2, "write-ios": 3, "write-sectors": 4 };
  assert.deepEqual(await stats(3), []);
  assert.deepEqual(await stats(4), reply(old));
  assert.deepEqual(await stats(10), reply({}));
  assert.deepEqual(await stats(11), reply(BASE));
  assert.deepEqual(await stats(15), reply({ ...BASE, ...DISCARD }));
  assert.deepEqual(
    await stats(17),
    reply({ ...BASE, ...DISCARD, "flush-ios": 16, "flush-ticks": 17 }),
  );
});

Deno.test("counters are exact, and lines of another shape are passed over", async () => {
  const counters = "18446744073709551615 0 0 0";
  assert.deepEqual(await statsOf("x", "", `7 0 cciss!c0d0 ${counters}`, "7 1 loop1 1 2 3 x"), [{
    name: "cciss!c0d0",
    major: 7,
    minor: 0,
    stats: {
      "read-ios": 2n ** 64n - 1n,
      "read-sectors": 0,
      "write-ios": 0,
      "write-sectors": 0,
    },
  }]);
});
