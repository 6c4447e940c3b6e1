import { deepEqual } from "node:assert/strict";
import { bootTalosGuest, startTalosApi } from "../harness/qemu/talos_guest.ts";

const SLOW = { timeoutMs: 60_000 };
const FIRST_MAC = "52:54:00:00:00:01";
const SECOND_MAC = "52:54:00:00:00:02";

/** Without IPv6: QEMU's router would give the bond an address whenever it advertises itself. */
const nic = (id: string, mac: string): string[] => [
  ...["-netdev", `user,id=${id},ipv6=off`],
  ...["-device", `virtio-net-pci,netdev=${id},mac=${mac},romfile=`],
];

/** Takes a bond's members by the addresses of their cards, whatever they are called. */
const BOND = `set -e
for path in /sys/class/net/*/address; do
  path=\${path%/address}
  case $(cat $path/address) in ${FIRST_MAC}|${SECOND_MAC}) members="$members \${path##*/}" ;; esac
done
[ -e /sys/class/net/bond0 ] || echo +bond0 >/sys/class/net/bonding_masters
for member in $members; do
  ip link set $member down; echo +$member >/sys/class/net/bond0/bonding/slaves
done
ip link set bond0 up; ip addr add 192.0.2.11/24 dev bond0
ip link add link bond0 name bond0.100 type vlan id 100; ip link set bond0.100 up
ip route del default || true; ip route add default via 192.0.2.1 dev bond0`;

interface Entry {
  readonly name: string;
  readonly "hardware-address": string;
  readonly "ip-addresses"?: readonly { readonly "ip-address": string }[];
}

Deno.test("a bond has the node's address, and each of its cards the address that the hypervisor knows", async () => {
  await using api = await startTalosApi();
  await using guest = await bootTalosGuest(api, {
    guest: {
      modules: ["bonding", "8021q"],
      extraDevices: [...nic("first", FIRST_MAC), ...nic("second", SECOND_MAC)],
    },
  });
  const { status, stdout, stderr } = await guest.run(BOND, SLOW);
  deepEqual([status, stdout, stderr], [0, "", ""]);
  await using agent = await guest.agent();
  await agent.sync(SLOW);
  // As the schema has it.
  const entries = await agent.execute("guest-network-get-interfaces", undefined, SLOW) as Entry[];
  const described = entries.map((entry) => [
    entry.name,
    entry["hardware-address"],
    ...(entry["ip-addresses"] ?? []).map((address) => address["ip-address"])
      .filter((address) => !address.startsWith("fe80:")),
  ]);
  deepEqual(described.slice(0, 2), [
    ["lo", "00:00:00:00:00:00", "127.0.0.1", "::1"],
    ["bond0", FIRST_MAC, "192.0.2.11"],
  ]);
  const others = described.slice(2);
  // The first card is the bond's own address, so that it would empty it for clients that merge by it.
  deepEqual(others.filter(([, mac]) => mac === SECOND_MAC).map(([, ...rest]) => rest), [
    [SECOND_MAC],
  ]);
  deepEqual(others.filter(([name, mac]) => mac === FIRST_MAC && name !== "bond0.100"), []);
});
