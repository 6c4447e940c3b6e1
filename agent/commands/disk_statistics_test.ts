import assert from "node:assert/strict";
import { FixtureHost } from "../testing/fixture_host.ts";
import { guestGetDiskstats } from "./disk_statistics.ts";

async function statsOf(...lines: readonly string[]): Promise<unknown> {
  await using host = await FixtureHost.create({ "proc/diskstats": `${lines.join("\n")}\n` });
  return guestGetDiskstats.execute({}, host.context);
}

const BASE = {
  "read-ios": 1n,
  "read-merges": 2n,
  "read-sectors": 3n,
  "read-ticks": 4n,
  "write-ios": 5n,
  "write-merges": 6n,
  "write-sectors": 7n,
  "write-ticks": 8n,
  "ios-pgr": 9n,
  "total-ticks": 10n,
  "weight-ticks": 11n,
};
const DISCARD = {
  "discard-ios": 12n,
  "discard-merges": 13n,
  "discard-sectors": 14n,
  "discard-ticks": 15n,
};

Deno.test("each generation of the kernel's columns has its counters", async () => {
  const columns = (count: number) =>
    Array.from({ length: count }, (_unused, index) => index + 1).join(" ");
  const stats = async (count: number) => await statsOf(` 254       1 vda1 ${columns(count)}`);
  const reply = (counters: object) => [{ name: "vda1", major: 254, minor: 1, stats: counters }];
  const old = { "read-ios": 1n, "read-sectors": 2n, "write-ios": 3n, "write-sectors": 4n };
  assert.deepEqual(await stats(3), []);
  assert.deepEqual(await stats(4), reply(old));
  assert.deepEqual(await stats(10), reply({}));
  assert.deepEqual(await stats(11), reply(BASE));
  assert.deepEqual(await stats(15), reply({ ...BASE, ...DISCARD }));
  assert.deepEqual(
    await stats(17),
    reply({ ...BASE, ...DISCARD, "flush-ios": 16n, "flush-ticks": 17n }),
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
      "read-sectors": 0n,
      "write-ios": 0n,
      "write-sectors": 0n,
    },
  }]);
});
