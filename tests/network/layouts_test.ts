import { deepEqual, equal, ok } from "node:assert/strict";
import { EXECUTABLE, RunningAgent } from "../harness/running_agent.ts";
import { LAYOUT_FUNCTIONS, NETWORK_LAYOUTS, type NetworkLayout } from "./layouts.ts";

/** QAPI GuestNetworkInterface, as clients decode it. */
interface Entry {
  readonly name: string;
  readonly "hardware-address"?: string;
  readonly "ip-addresses"?: readonly {
    readonly "ip-address": string;
    readonly "ip-address-type": "ipv4" | "ipv6";
    readonly prefix: number;
  }[];
}

const addressesOf = (entry: Entry | undefined): string[] =>
  (entry?.["ip-addresses"] ?? []).map((address) => address["ip-address"]);
const isLocal = (address: string): boolean => /^(?:127\.|::1$|fe80:|169\.254\.)/.test(address);

/** How clients find a node's address, each by its own rule. */
const RULES: Readonly<Record<string, (entries: readonly Entry[], mac: string) => string[]>> = {
  // Telmate's and go-proxmox' users, Rancher: the first interface that is not loopback.
  "first": (entries) => addressesOf(entries.find(({ name }) => name !== "lo")),
  // bpg's documentation and many modules: ipv4_addresses[1][0].
  "second": (entries) => addressesOf(entries[1]),
  // Cluster API providers, Packer: the interface with the card's hardware address.
  "by MAC": (entries, mac) =>
    addressesOf(entries.find((entry) => entry["hardware-address"] === mac)),
  // KubeVirt: what comes later with the same hardware address takes the place of what was before.
  "merged by MAC": (entries, mac) =>
    addressesOf(entries.findLast((entry) => entry["hardware-address"] === mac)),
  // Scripts: the first address that is good beyond the machine.
  "first global": (entries) => entries.flatMap(addressesOf).filter((each) => !isLocal(each)),
};

async function interfacesOf(layout: NetworkLayout): Promise<readonly Entry[]> {
  const script = `set -e; unshare --net sleep 60 & POD=$!
until [ "$(readlink /proc/$POD/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do :; done
${LAYOUT_FUNCTIONS}
${layout.setup}
kill $POD; exec "$@"`;
  await using agent = await RunningAgent.startIn(
    await Deno.makeTempDir(),
    [...layout.options ?? []],
    {},
    ["unshare", "--net", "bash", "-c", script, "layout", EXECUTABLE],
  );
  await using client = await agent.client();
  // As the schema has it; the schema's own test is another one.
  return await client.execute("guest-network-get-interfaces") as readonly Entry[];
}

const table: string[] = [];

for (const layout of NETWORK_LAYOUTS) {
  Deno.test(`in the layout "${layout.name}" every client finds the node's own address`, async () => {
    const entries = await interfacesOf(layout);
    const text = JSON.stringify(entries.map((entry) => [entry.name, ...addressesOf(entry)]));
    equal(entries[0]?.name, "lo", text);
    const names = entries.map(({ name }) => name);
    deepEqual(names.filter((name) => layout.hidden?.includes(name)), [], text);
    for (const [rule, find] of Object.entries(RULES)) {
      const [found] = find(entries, layout.mac);
      equal(found, layout.own, `${rule}: ${text}`);
    }
    table.push(
      `${layout.name.padEnd(40)} ${layout.own.padEnd(14)} ${Object.keys(RULES).join(", ")}`,
    );
  });
}

Deno.test("all layouts were looked at", () => {
  ok(table.length >= 12);
  console.log(table.join("\n"));
});
