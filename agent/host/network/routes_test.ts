import assert from "node:assert/strict";
import fc from "fast-check";
import { anyCuts, reusedChunks } from "../../../tests/harness/chunks.ts";
import { FixtureHost } from "../../../tests/harness/fixtures/host.ts";
import { checkProperty } from "../../../tests/harness/property.ts";
import { LibcError } from "../../linux/libc.ts";
import {
  type Ipv4Route,
  type Ipv6Route,
  parseIpv4Routes,
  parseIpv6Routes,
  readRoutes,
} from "./routes.ts";

const HEADING =
  "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT";
const IPV4 = `${HEADING}   \n` +
  "eth0\t00000000\t010200C0\t0003\t0\t0\t1024\t00000000\t0\t0\t0     \n" +
  "bond0.5\t000200C0\t00000000\t0001\t1\t2\t-1\t00FFFFFF\t1400\t3\t4   \n" +
  "eth1\t0002\t00000000\t0001\n";
const ZERO = "0".repeat(32);
const IPV6 =
  `${ZERO} 00 ${ZERO} 00 fe800000000000000000000000000001 00000400 00000002 00000000 00000003     eth0\n` +
  `20010db8000100000000000000000000 40 fd00000000000000000000000000000a 80 ${ZERO} ffffffff 00000001 0000000f 80200001       lo\n` +
  "garbage\n";

function routesOf(host: FixtureHost): (Ipv4Route | Ipv6Route)[] {
  return Array.from(readRoutes(host.context.host)).flat();
}

Deno.test("routes of both protocols are read, other lines are passed over", async () => {
  await using host = await FixtureHost.create({
    "proc/net/route": IPV4,
    "proc/net/ipv6_route": IPV6,
  });
  assert.deepEqual(routesOf(host), [
    {
      version: 4,
      interface: "eth0",
      destination: "0.0.0.0",
      gateway: "192.0.2.1",
      mask: "0.0.0.0",
      flags: 3,
      references: 0,
      use: 0,
      metric: 1024,
      mtu: 0,
      window: 0,
      irtt: 0,
    },
    {
      version: 4,
      interface: "bond0.5",
      destination: "192.0.2.0",
      gateway: "0.0.0.0",
      mask: "255.255.255.0",
      flags: 1,
      references: 1,
      use: 2,
      metric: -1,
      mtu: 1400,
      window: 3,
      irtt: 4,
    },
    {
      version: 6,
      interface: "eth0",
      destination: "::",
      destinationPrefix: 0,
      source: "::",
      sourcePrefix: 0,
      nextHop: "fe80::1",
      flags: 3,
      references: 2,
      use: 0,
      metric: 1024,
    },
    {
      version: 6,
      interface: "lo",
      destination: "2001:db8:1::",
      destinationPrefix: 64,
      source: "fd00::a",
      sourcePrefix: 128,
      nextHop: "::",
      flags: 0x80200001,
      references: 1,
      use: 15,
      metric: 0xffffffff,
    },
  ]);
});

Deno.test("a kernel without IPv6 has its IPv4 routes, one without either is an error", async () => {
  await using host = await FixtureHost.create();
  assert.throws(() => routesOf(host), (error) => {
    assert.ok(error instanceof LibcError);
    const path = "/proc/net/route";
    assert.equal(error.message, `open("${path}"): No such file or directory`);
    return true;
  });
  await host.plant({ "proc/net/route": IPV4 });
  assert.deepEqual(routesOf(host).map(({ version }) => version), [4, 4]);
});

const hex = (digits: number) =>
  fc.array(fc.constantFrom(..."0123456789abcdefABCDEF"), { minLength: digits, maxLength: digits })
    .map((parts) => parts.join(""));
const decimal = fc.integer({ min: -1, max: 2 ** 32 - 1 }).map(String);
const name = fc.constantFrom("eth0", "bond0.5", "é", "a");
const anyLine = <T extends readonly string[]>(line: fc.Arbitrary<T>, separator: string) =>
  fc.oneof(
    { weight: 4, arbitrary: line.map((fields) => fields.join(separator)) },
    // With a field too few, one that is none, or nothing.
    line.map((fields) => fields.slice(1).join(separator)),
    line.map((fields) => [...fields.slice(0, 3), "x", ...fields.slice(4)].join(separator)),
    fc.constantFrom("", HEADING),
  );

Deno.test("the IPv4 table is read alike wherever it is cut, and as by a pattern", async () => {
  const fields = fc.tuple(
    ...[name, hex(8), hex(8), hex(4), decimal, decimal, decimal, hex(8), decimal, decimal],
    decimal.map((text) => `${text}   `),
  );
  const text = fc.array(anyLine(fields, "\t")).map((lines) => lines.join("\n"));
  const number = "(-?\\d+)";
  const pattern = new RegExp(
    "^(\\S+)\\t([\\da-f]{8})\\t([\\da-f]{8})\\t([\\da-f]+)\\t" +
      `${number}\\t${number}\\t${number}\\t([\\da-f]{8})\\t${number}\\t${number}\\t${number} *$`,
    "i",
  );
  const address = (digits = "") =>
    (digits.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16)).reverse().join(".");
  await checkProperty("IPv4 routes", fc.tuple(text, anyCuts), ([table, cuts]) => {
    const chunks = reusedChunks(new TextEncoder().encode(table), cuts);
    const expected = table.split("\n").flatMap((line) => {
      const match = pattern.exec(line);
      if (match === null) return [];
      const [, device, destination, gateway, flags, ...rest] = match;
      const [references, use, metric, mask, mtu, window, irtt] = rest;
      return [{
        version: 4,
        interface: device,
        destination: address(destination),
        gateway: address(gateway),
        flags: Number(`0x${flags}`),
        references: Number(references),
        use: Number(use),
        metric: Number(metric),
        mask: address(mask),
        mtu: Number(mtu),
        window: Number(window),
        irtt: Number(irtt),
      }];
    });
    assert.deepEqual(Array.from(parseIpv4Routes(chunks)).flat(), expected);
  });
});

Deno.test("the IPv6 table is read alike wherever it is cut, and as by a pattern", async () => {
  const fields = fc.tuple(
    ...[hex(32), hex(2), hex(32), hex(2), hex(32), hex(8), hex(8), hex(8), hex(8)],
    name.map((text) => `    ${text}`),
  );
  const text = fc.array(anyLine(fields, " ")).map((lines) => lines.join("\n"));
  const pattern = new RegExp(
    "^[\\da-f]{32} ([\\da-f]{2}) [\\da-f]{32} ([\\da-f]{2}) [\\da-f]{32}" +
      " ([\\da-f]{8})".repeat(4) + " +(\\S+)$",
    "i",
  );
  await checkProperty("IPv6 routes", fc.tuple(text, anyCuts), ([table, cuts]) => {
    const chunks = reusedChunks(new TextEncoder().encode(table), cuts);
    const expected = table.split("\n").flatMap((line) => pattern.exec(line)?.slice(1) ?? []);
    const found = Array.from(parseIpv6Routes(chunks)).flat().flatMap((route) => [
      ...[route.destinationPrefix, route.sourcePrefix],
      ...[route.metric, route.references, route.use, route.flags],
      route.interface,
    ]);
    const numbers = expected.map((each, index) => index % 7 === 6 ? each : Number(`0x${each}`));
    assert.deepEqual(found, numbers);
  });
});
