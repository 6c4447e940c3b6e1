import assert from "node:assert/strict";
import fc from "fast-check";
import { checkProperty } from "../../tests/harness/property.ts";
import { atOnce } from "../steps.ts";
import { Libc } from "./libc.ts";
import {
  type LinkStatistics,
  parseAddress,
  parseLink,
  readNetwork,
  splitMessages,
} from "./rtnetlink.ts";

const ALL = () => true;
const WHOLE = { link: ALL };

/** /proc/net/dev, by interface. */
async function procNetDev(): Promise<Map<string, LinkStatistics>> {
  const text = await Deno.readTextFile("/proc/net/dev");
  const lines = text.trimEnd().split("\n").slice(2);
  return new Map(lines.map((line) => {
    const [name = "", ...counters] = line.trim().split(/:\s*|\s+/);
    const counter = (index: number): bigint => BigInt(counters[index] ?? 0);
    return [name, {
      rxBytes: counter(0),
      rxPackets: counter(1),
      rxErrors: counter(2),
      rxDropped: counter(3),
      txBytes: counter(8),
      txPackets: counter(9),
      txErrors: counter(10),
      txDropped: counter(11),
    }];
  }));
}

Deno.test("the kernel's interfaces are those of sysfs, its counters those of procfs", async () => {
  using libc = new Libc();
  const before = await procNetDev();
  const { links } = atOnce(readNetwork(libc, WHOLE));
  const after = await procNetDev();
  assert.deepEqual(new Set(links.map(({ name }) => name)), new Set(before.keys()));
  for (const { name, index, hardwareAddress, statistics } of links) {
    const attribute = async (file: string): Promise<string> =>
      (await Deno.readTextFile(`/sys/class/net/${name}/${file}`)).trim();
    assert.equal(index, Number(await attribute("ifindex")));
    const bytes = (await attribute("address")).split(":").filter((text) => text !== "");
    assert.deepEqual([...hardwareAddress], bytes.map((text) => Number.parseInt(text, 16)));
    for (const [counter, value] of Object.entries(statistics ?? {})) {
      const least = before.get(name)?.[counter as keyof LinkStatistics] ?? 2n ** 64n;
      const most = after.get(name)?.[counter as keyof LinkStatistics] ?? -1n;
      assert.ok(least <= value && value <= most, `${name} ${counter}: ${value}`);
    }
    assert.equal(Object.keys(statistics ?? {}).length, 8);
  }
});

Deno.test("the kernel's addresses are those that getifaddrs(3) gives", () => {
  using libc = new Libc();
  const found = atOnce(readNetwork(libc, WHOLE)).addresses
    .map(({ label, family, address, prefix }) => `${label} ${family} ${address}/${prefix}`);
  const expected = Deno.networkInterfaces()
    .map(({ name, family, cidr }) => `${name} ${family} ${cidr}`);
  assert.ok(found.length > 0);
  assert.deepEqual(found.sort(), expected.sort());
});

function attribute(type: number, bytes: readonly number[]): number[] {
  const padding = Array<number>(-bytes.length & 3).fill(0);
  return [...uint16(bytes.length + 4), ...uint16(type), ...bytes, ...padding];
}

function message(type: number, flags: number, body: readonly number[]): number[] {
  const length = body.length + 16;
  return [
    ...uint32(length),
    ...uint16(type),
    ...uint16(flags),
    ...uint32(1),
    ...uint32(2),
    ...body,
  ];
}

function uint16(value: number): number[] {
  return [value & 0xff, value >> 8];
}

function uint32(value: number): number[] {
  return [...uint16(value & 0xffff), ...uint16(value >>> 16)];
}

const NAME = [...new TextEncoder().encode("eth0\0")];
const LINK = message(16, 2, [
  ...[0, 0, ...uint16(1), ...uint32(7), ...uint32(0), ...uint32(0)],
  ...attribute(3, NAME),
  ...attribute(10, uint32(9)),
  ...attribute(0x8000 | 18, attribute(1, [...new TextEncoder().encode("veth\0")])),
  ...attribute(37, uint32(0)),
  ...attribute(54, [2, 0, 0, 0, 0, 9]),
  ...attribute(1, [2, 0, 0, 0, 0, 1]),
  ...attribute(23, Array.from({ length: 24 }, (_, index) => [index, ...Array(7).fill(0)]).flat()),
]);
// The far end of a point-to-point link is 10.0.0.2.
const ADDRESS = message(20, 2, [
  ...[2, 32, 0, 0, ...uint32(7)],
  ...attribute(1, [10, 0, 0, 2]),
  ...attribute(2, [10, 0, 0, 1]),
  ...attribute(3, [...NAME.slice(0, 4), 0x3a, 0x31, 0]),
]);

Deno.test("a link and an address are read from their messages", () => {
  const { messages, changed } = splitMessages(Uint8Array.from([...LINK, ...ADDRESS]));
  const [link, address] = messages;
  assert.ok(link !== undefined && address !== undefined);
  assert.equal(changed, false);
  assert.deepEqual(parseLink(link, ALL), {
    name: "eth0",
    index: 7,
    hardwareAddress: Uint8Array.of(2, 0, 0, 0, 0, 1),
    kind: "pod-veth",
    hasMaster: true,
    permanentAddress: Uint8Array.of(2, 0, 0, 0, 0, 9),
    statistics: {
      rxPackets: 0,
      txPackets: 1,
      rxBytes: 2,
      txBytes: 3,
      rxErrors: 4,
      txErrors: 5,
      // Dropped by the kernel, and missed by the hardware.
      rxDropped: 6n + 15n,
      txDropped: 7,
    },
  });
  assert.deepEqual(parseAddress(address, new Map(), ALL), {
    family: "IPv4",
    address: "10.0.0.1",
    prefix: 32,
    label: "eth0:1",
    index: 7,
    isGlobal: true,
    isPassing: false,
  });
  assert.equal(parseLink(address, ALL), undefined);
  assert.equal(splitMessages(Uint8Array.from(message(3, 0x12, []))).changed, true);
});

Deno.test("links and addresses that are not asked for are passed over", () => {
  const [link, address] = splitMessages(Uint8Array.from([...LINK, ...ADDRESS])).messages;
  assert.ok(link !== undefined && address !== undefined);
  assert.equal(parseLink(link, ({ name }) => name !== "eth0"), undefined);
  assert.equal(parseLink(link, ({ kind }) => kind !== "pod-veth"), undefined);
  // An address is asked for by its interface, or by itself.
  assert.equal(parseAddress(address, new Map()), undefined);
  assert.equal(parseAddress(address, new Map([[7, "eth0"]]))?.label, "eth0:1");
  assert.ok(parseAddress(address, new Map(), (text) => text === "10.0.0.1"));
  const unlabelled = splitMessages(Uint8Array.from(message(20, 2, [
    ...[10, 64, 0x20, 253, ...uint32(7)],
    ...attribute(1, Array(16).fill(1)),
  ]))).messages[0];
  assert.ok(unlabelled !== undefined);
  const { label, isGlobal, isPassing } = parseAddress(unlabelled, new Map([[7, "eth0"]])) ?? {};
  assert.deepEqual([label, isGlobal, isPassing], ["eth0", false, true]);
});

Deno.test("counters are exact, however large they are", async () => {
  const counters = fc.array(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), {
    minLength: 24,
    maxLength: 24,
  });
  await checkProperty("link counters", counters, (values) => {
    const bytes = new Uint8Array(new BigUint64Array(values).buffer);
    const body = Uint8Array.from([
      ...[0, 0, ...uint16(1), ...uint32(7), ...uint32(0), ...uint32(0)],
      ...attribute(3, NAME),
      ...attribute(23, [...bytes]),
    ]);
    const { statistics } = parseLink({ type: 16, body }, ALL) ?? {};
    assert.equal(BigInt(statistics?.rxPackets ?? -1), values[0]);
    assert.equal(BigInt(statistics?.txBytes ?? -1), values[3]);
    assert.equal(BigInt(statistics?.rxDropped ?? -1), (values[6] ?? 0n) + (values[15] ?? 0n));
  });
});

Deno.test("no datagram makes the parser fail, and no message reaches beyond it", async () => {
  const whole = [...LINK, ...ADDRESS];
  const datagram = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 8 }).map(
      (changes) => {
        const bytes = Uint8Array.from(whole);
        for (const [index, byte] of changes) bytes[index] = byte;
        return bytes;
      },
    ),
    fc.nat(whole.length).map((length) => Uint8Array.from(whole.slice(0, length))),
  );
  await checkProperty("netlink datagrams", datagram, (bytes) => {
    const { messages } = splitMessages(Uint8Array.from(bytes));
    assert.ok(messages.reduce((sum, { body }) => sum + body.length + 16, 0) <= bytes.length);
    for (const each of messages) {
      parseLink(each, ALL);
      parseAddress(each, new Map([[7, "eth0"]]), ALL);
    }
  });
});
