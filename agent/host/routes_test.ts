import assert from "node:assert/strict";
import { FixtureHost } from "../testing/fixture_host.ts";
import { LibcError } from "./libc.ts";
import { readRoutes } from "./routes.ts";

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

function routesOf(host: FixtureHost): ReturnType<typeof readRoutes> {
  const { libc, files, roots } = host.context.host;
  return readRoutes(libc, files, roots.procfs);
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
      flags: 3n,
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
      flags: 1n,
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
      flags: 3n,
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
      flags: 0x80200001n,
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
    const path = `${host.path}/proc/net/route`;
    assert.equal(error.message, `open("${path}"): No such file or directory`);
    return true;
  });
  await host.plant({ "proc/net/route": IPV4 });
  assert.deepEqual(routesOf(host).map(({ version }) => version), [4, 4]);
});
