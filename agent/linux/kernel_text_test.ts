import assert from "node:assert/strict";
import fc from "fast-check";
import { checkProperty } from "../../tests/harness/property.ts";
import { parseCpuStatistics } from "../host/cpu_statistics.ts";
import { parseDiskStatistics } from "../host/disks/disk_statistics.ts";
import { parseLoadAverage } from "../host/load_average.ts";
import { parseIpv4Routes, parseIpv6Routes, type RouteSteps } from "../host/network/routes.ts";

// Text that comes close to the kernel's, so that the parsers get beyond the first character.
const kernelText = fc.array(
  fc.oneof(
    fc.constantFrom("cpu", "cpu0", "eth0", " ", "  ", "\t", "\n", "-1", "0x1", "0.10", "é", "\0"),
    fc.constantFrom("0".repeat(32), "00000000", "00", "FFFFFFFF"),
    fc.bigInt({ min: 0n, max: 2n ** 70n }).map(String),
    fc.string(),
  ),
  { maxLength: 80 },
).map((parts) => parts.join(""));

function routes<Route>(
  parse: (chunks: Iterable<Uint8Array>) => RouteSteps<Route>,
  text: string,
): Route[] {
  return Array.from(parse([new TextEncoder().encode(text)])).flat();
}

Deno.test("no text of procfs makes a parser fail", async () => {
  await checkProperty("procfs texts", kernelText, (text) => {
    const lines = text.split("\n").length;
    assert.ok(parseCpuStatistics(text).length <= lines);
    assert.ok(parseDiskStatistics(text).length <= lines);
    assert.ok(routes(parseIpv4Routes, text).length <= lines);
    assert.ok(routes(parseIpv6Routes, text).length <= lines);
    const load = parseLoadAverage(text);
    assert.ok(load === undefined || Object.values(load).every(Number.isFinite));
  });
});

Deno.test("every line of /proc/diskstats keeps its counters", async () => {
  const counters = fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), {
    minLength: 17,
    maxLength: 20,
  });
  await checkProperty("diskstats line", counters, (values) => {
    const [disk, ...others] = parseDiskStatistics(`   8   1 sda1 ${values.join(" ")}\n`);
    assert.ok(disk !== undefined && others.length === 0);
    const { read, write, inProgress, totalTicks, weightTicks, discard, flushIos, flushTicks } =
      disk;
    const flat = (
      requests: typeof read,
    ) => [requests?.ios, requests?.merges, requests?.sectors, requests?.ticks];
    assert.deepEqual(
      [
        ...flat(read),
        ...flat(write),
        inProgress,
        totalTicks,
        weightTicks,
        ...flat(discard),
        flushIos,
        flushTicks,
      ].map((counter) => BigInt(counter ?? -1)),
      values.slice(0, 17),
    );
  });
});
