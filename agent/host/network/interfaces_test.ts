import assert from "node:assert/strict";
import { plant } from "../../../tests/harness/fixtures/tree.ts";
import { TemporaryDirectory } from "../../../tests/harness/temporary_directory.ts";
import { CLUSTER_INTERFACES } from "../../config/options.ts";
import { KernelFiles } from "../../linux/kernel_files.ts";
import { Libc } from "../../linux/libc.ts";
import type { Link, LinkAddress, Network } from "../../linux/rtnetlink.ts";
import { atOnce } from "../../steps.ts";
import { Host } from "../host.ts";
import { type InterfaceSelection, isReported, readNetworkInterfaces } from "./interfaces.ts";

const ROUTES = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n";
const VIA_ETH0 = "eth0 00000000 0100000A 0003 0 0 0 00000000 0 0 0\n";
const DEFAULT: InterfaceSelection = {
  include: [],
  exclude: CLUSTER_INTERFACES.split(","),
  order: "node",
  nodeAddresses: [],
};

const STATISTICS = {
  rxBytes: 100n,
  rxPackets: 2n,
  rxErrors: 3n,
  rxDropped: 4n,
  txBytes: 500n,
  txPackets: 6n,
  txErrors: 7n,
  txDropped: 8n,
};

function link(name: string, index: number, more: Partial<Link> = {}): Link {
  return {
    name,
    index,
    kind: "",
    hardwareAddress: name === "lo" ? new Uint8Array(6) : Uint8Array.of(2, 0, 0, 0, 0, index),
    hasMaster: false,
    permanentAddress: undefined,
    statistics: STATISTICS,
    ...more,
  };
}

function address(index: number, text: string, more: Partial<LinkAddress> = {}): LinkAddress {
  const [plain = "", prefix = ""] = text.split("/");
  return {
    family: plain.includes(":") ? "IPv6" : "IPv4",
    address: plain,
    prefix: Number(prefix),
    label: `eth${index}`,
    index,
    isGlobal: !plain.startsWith("fe80:") && !plain.startsWith("127.") && plain !== "::1",
    isPassing: false,
    ...more,
  };
}

/** What is reported, each interface as `NAME ADDRESS...`. */
async function reported(
  network: Network,
  { routes = "", ipv6Routes = "", selection = {} }: {
    readonly routes?: string;
    readonly ipv6Routes?: string;
    readonly selection?: Partial<InterfaceSelection>;
  } = {},
): Promise<string[]> {
  await using directory = await TemporaryDirectory.create();
  const { path } = directory;
  await plant(path, { "net/route": ROUTES + routes, "net/ipv6_route": ipv6Routes });
  using libc = new Libc();
  const roots = { procfs: path, sysfs: path, devfs: path, rootfs: path };
  using host = new Host(libc, new KernelFiles(libc), roots, function* (wanted) {
    yield;
    const addresses = network.addresses.filter(({ index, address }) =>
      wanted.address?.(address) ||
      network.links.some((each) => each.index === index && wanted.link(each.name, each.kind))
    );
    const links = network.links.filter(({ name, kind, index }) =>
      wanted.link(name, kind) || addresses.some((each) => each.index === index)
    );
    return { links, addresses };
  });
  return atOnce(readNetworkInterfaces(host, { ...DEFAULT, ...selection })).map((entry) =>
    [entry.name, ...entry.addresses.map(({ address }) => address)].join(" ")
  );
}

const LO = link("lo", 1);
const LO_ADDRESS = address(1, "127.0.0.1/8", { label: "lo" });

Deno.test("loopback is first, then the interface of the default route, then the kernel's order", async () => {
  const network = {
    links: [link("eth0", 2), LO, link("eth2", 4), link("eth1", 3)],
    addresses: [LO_ADDRESS, address(2, "10.0.0.2/24"), address(3, "10.1.0.2/24")],
  };
  const routes = "eth1 00000000 0100010A 0003 0 0 5 00000000 0 0 0\n" +
    "eth0 00000000 0100000A 0003 0 0 9 00000000 0 0 0\neth2 0000A8C0 0 1 0 0 0 00FFFFFF 0 0 0\n";
  assert.deepEqual(await reported(network, { routes }), [
    "lo 127.0.0.1",
    "eth1 10.1.0.2",
    "eth0 10.0.0.2",
    "eth2",
  ]);
});

Deno.test("the address that reaches the gateway is the node's own, and a shared one comes last", async () => {
  const network = {
    links: [LO, link("eth0", 2)],
    addresses: [
      address(2, "10.0.0.50/32"),
      address(2, "fe80::1/64"),
      address(2, "10.0.0.2/24"),
      address(2, "fd00::1/64", { isPassing: true }),
      address(2, "fd00::2/64"),
    ],
  };
  assert.deepEqual(await reported(network, { routes: VIA_ETH0 }), [
    "lo",
    "eth0 10.0.0.2 fd00::2 10.0.0.50 fd00::1 fe80::1",
  ]);
  assert.deepEqual(await reported(network), [
    "lo",
    "eth0 10.0.0.2 fd00::2 10.0.0.50 fd00::1 fe80::1",
  ]);
});

Deno.test("the IPv6 default route counts where there is none of IPv4, also with a /128 of DHCPv6", async () => {
  const zero = "0".repeat(32);
  const line = (name: string, flags: string, metric = "00000400") =>
    `${zero} 00 ${zero} 00 fe800000000000000000000000000001 ${metric} 00000001 00000000 ${flags} ${name}\n`;
  const network = {
    links: [LO, link("eth0", 2), link("eth1", 3)],
    addresses: [
      address(2, "2001:db8::2/64"),
      address(3, "2001:db8:1::9/64", { isPassing: true }),
      address(3, "2001:db8:1::2/128"),
    ],
  };
  // Behind routes to networks, as the kernel has it, and before the one that leads nowhere.
  const ipv6Routes = `20010db8${"0".repeat(24)} 40 ${line("eth0", "00000001").slice(36)}` +
    line("eth1", "00000003") + line("lo", "00200200", "ffffffff");
  assert.deepEqual(await reported(network, { ipv6Routes }), [
    "lo",
    "eth1 2001:db8:1::2 2001:db8:1::9",
    "eth0 2001:db8::2",
  ]);
});

Deno.test("an endpoint that is an address of the node is its own, wherever it is", async () => {
  const network = {
    links: [LO, link("eth0", 2), link("kubespan", 3, { kind: "wireguard" })],
    addresses: [address(2, "10.0.0.2/24"), address(3, "fd00::7/128")],
  };
  const nodeAddresses = ["192.0.2.1", "fd00::7"];
  assert.deepEqual(
    await reported(network, { routes: VIA_ETH0, selection: { nodeAddresses } }),
    ["lo", "kubespan fd00::7", "eth0 10.0.0.2"],
  );
});

Deno.test("one without addresses is left out when another has its hardware address", async () => {
  const nic = Uint8Array.of(2, 0, 0, 0, 0, 2);
  const network = {
    links: [
      LO,
      link("eth0", 2, { hasMaster: true }),
      link("br0", 3, { kind: "bridge", hardwareAddress: nic }),
      link("eth1", 4),
      link("wg0", 5, { kind: "wireguard", hardwareAddress: new Uint8Array() }),
    ],
    addresses: [LO_ADDRESS, address(3, "10.0.0.2/24")],
  };
  assert.deepEqual(await reported(network), ["lo 127.0.0.1", "br0 10.0.0.2", "eth1", "wg0"]);
  assert.deepEqual(await reported(network, { selection: { exclude: [] } }), [
    ...["lo 127.0.0.1", "br0 10.0.0.2", "eth0", "eth1", "wg0"],
  ]);
  assert.deepEqual(await reported(network, { selection: { include: ["eth*", "br*"] } }), [
    ...["br0 10.0.0.2", "eth0", "eth1"],
  ]);
});

Deno.test("what the default route or the node's address is on is never excluded", async () => {
  const network = {
    links: [LO, link("eth0", 2, { kind: "pod-veth" }), link("veth1", 3, { kind: "pod-veth" })],
    addresses: [address(2, "10.0.0.2/24"), address(3, "10.9.0.1/32")],
  };
  assert.deepEqual(await reported(network, { routes: VIA_ETH0 }), ["lo", "eth0 10.0.0.2"]);
  assert.deepEqual(
    await reported(network, { routes: VIA_ETH0, selection: { include: ["lo"] } }),
    ["lo"],
  );
});

Deno.test("a dummy is reported with addresses, and otherwise only when it is asked for", async () => {
  const links = [LO, link("dummy0", 2, { kind: "dummy" })];
  assert.deepEqual(await reported({ links, addresses: [] }), ["lo"]);
  assert.deepEqual(await reported({ links, addresses: [address(2, "198.51.100.7/32")] }), [
    "lo",
    "dummy0 198.51.100.7",
  ]);
  assert.deepEqual(
    await reported({ links, addresses: [] }, { selection: { exclude: [] } }),
    ["lo", "dummy0"],
  );
});

Deno.test("a labelled address belongs to its interface, but in the kernel's order has its own entry", async () => {
  const network = {
    links: [LO, link("eth0", 2)],
    addresses: [
      address(2, "10.0.0.50/32", { label: "eth0:vip" }),
      address(2, "10.0.0.2/24", { label: "eth0" }),
    ],
  };
  assert.deepEqual(await reported(network), ["lo", "eth0 10.0.0.2 10.0.0.50"]);
  assert.deepEqual(
    await reported(network, { selection: { order: "kernel", exclude: [] } }),
    ["lo", "eth0 10.0.0.2", "eth0:vip 10.0.0.50"],
  );
});

Deno.test("a member of a bond has the hardware address that the hypervisor knows", () => {
  using libc = new Libc();
  const own = Uint8Array.of(2, 0, 0, 0, 0, 9);
  const shared = Uint8Array.of(2, 0, 0, 0, 0, 7);
  const links = [
    link("bond0", 2, { kind: "bond", hardwareAddress: shared }),
    link("eth1", 3, { hasMaster: true, hardwareAddress: shared, permanentAddress: own }),
    link("eth2", 4, { permanentAddress: own }),
  ];
  const roots = { procfs: "/none", sysfs: "/none", devfs: "/none", rootfs: "/none" };
  using host = new Host(libc, new KernelFiles(libc), roots, function* () {
    yield;
    return { links, addresses: [address(2, "10.0.0.2/24")] };
  });
  assert.deepEqual(
    atOnce(readNetworkInterfaces(host, DEFAULT)).map(({ name, hardwareAddress }) =>
      `${name} ${hardwareAddress}`
    ),
    ["bond0 02:00:00:00:00:07", "eth1 02:00:00:00:00:09", "eth2 02:00:00:00:00:04"],
  );
});

const NAMES = ["eth0", "bond0", "eth0.100", "br0", "br-ex", "lo", "wg0", "tap0", "net1"];
const CLUSTER_NAMES = [
  ...["veth1a2b", "cilium_host", "lxc12ab", "cali123", "vxlan.calico", "vxlan-v6.calico"],
  ...["wireguard.cali", "wg-v6.cali", "egress.calico", "bpfin.cali", "flannel.1", "flannel-wg"],
  ...["cni0", "kube-ipvs0", "kube-bridge", "kube-dummy-if", "nodelocaldns", "ovn0", "mirror0"],
  ...["ovn-k8s-mp0", "br-int", "ovs-system", "antrea-gw0", "genev_sys_6081", "weave", "kilo0"],
  ...["kubespan", "tailscale0", "teql0", "sit0", "tunl0", "ip6tnl0", "docker0"],
];

Deno.test("the default patterns hide what only the cluster network sees, and nothing of the node's own", () => {
  for (const name of NAMES) assert.ok(isReported(name, "", DEFAULT), name);
  for (const name of CLUSTER_NAMES) assert.ok(!isReported(name, "", DEFAULT), name);
  for (const kind of ["pod-veth", "vxlan", "geneve"]) assert.ok(!isReported("x", kind, DEFAULT));
  for (const kind of ["veth", "bond", "vlan", "bridge", "wireguard", "macvlan", "dummy"]) {
    assert.ok(isReported("x", kind, DEFAULT), kind);
  }
});

Deno.test("include and exclude patterns work together, and their dots are dots", () => {
  const some = (include: string[], exclude: string[] = []) =>
    NAMES.filter((name) => isReported(name, name === "br0" ? "bridge" : "", { include, exclude }));
  assert.deepEqual(some([]), NAMES);
  assert.deepEqual(some(["eth*"]), ["eth0", "eth0.100"]);
  assert.deepEqual(some(["eth*"], ["eth?"]), ["eth0.100"]);
  assert.deepEqual(some(["eth0.1*", "br."]), ["eth0.100"]);
  assert.deepEqual(some(["kind:bridge"]), ["br0"]);
});
