import type { KernelFiles } from "./kernel_files.ts";

/** An address of an interface. */
export interface InterfaceAddress {
  readonly family: "IPv4" | "IPv6";
  readonly address: string;
  /** Length of the network prefix in bits. */
  readonly prefix: number;
}

/** Counters of an interface, from `/proc/net/dev`. */
export interface InterfaceStatistics {
  readonly rxBytes: bigint;
  readonly rxPackets: bigint;
  readonly rxErrors: bigint;
  readonly rxDropped: bigint;
  readonly txBytes: bigint;
  readonly txPackets: bigint;
  readonly txErrors: bigint;
  readonly txDropped: bigint;
}

/** A network interface of the host. */
export interface NetworkInterface {
  readonly name: string;
  /** Six bytes in lower-case hex with colons; undefined when the interface has none to tell. */
  readonly hardwareAddress: string | undefined;
  readonly addresses: readonly InterfaceAddress[];
  readonly statistics: InterfaceStatistics | undefined;
}

/** An address as the kernel's getifaddrs(3) reports it, with its label such as `eth0:1`. */
export interface LabelledAddress extends InterfaceAddress {
  readonly label: string;
}

/** Where the facts about interfaces come from. */
export interface NetworkSources {
  readonly files: KernelFiles;
  readonly procfs: string;
  readonly sysfs: string;
  /** All addresses in this network namespace. */
  readonly addresses: () => readonly LabelledAddress[];
}

/**
 * The network interfaces: that of the default route first, since hypervisors show the first address,
 * then those with hardware, then the others, each by index, and the loopback last. An address with a
 * label of its own makes an entry of its own, as getifaddrs(3) has it.
 *
 * @throws LibcError when `/proc/net/dev` cannot be read
 */
export function readNetworkInterfaces(sources: NetworkSources): NetworkInterface[] {
  const statistics = parseNetDev(sources.files.readText(`${sources.procfs}/net/dev`));
  const addresses = Map.groupBy(sources.addresses(), (address) => address.label);
  const links = readLinks(sources);
  const result = links.map((link): NetworkInterface => ({
    name: link.name,
    hardwareAddress: link.hardwareAddress,
    addresses: withoutLabel(addresses.get(link.name)),
    statistics: statistics.get(link.name),
  }));
  for (const [label, labelled] of addresses) {
    if (links.some((link) => link.name === label)) continue;
    const [base] = label.split(":");
    result.push({
      name: label,
      hardwareAddress: links.find((link) => link.name === base)?.hardwareAddress,
      addresses: withoutLabel(labelled),
      statistics: undefined,
    });
  }
  return result;
}

/** The addresses of this process' network namespace, asked from the kernel. */
export function kernelAddresses(): LabelledAddress[] {
  return Deno.networkInterfaces().map(({ name, family, address, cidr }) => ({
    label: name,
    family,
    address,
    prefix: Number(cidr.slice(cidr.indexOf("/") + 1)),
  }));
}

/** Reads `/proc/net/dev`: counters by interface. Lines of another shape are passed over. */
export function parseNetDev(text: string): Map<string, InterfaceStatistics> {
  const result = new Map<string, InterfaceStatistics>();
  for (const line of text.split("\n")) {
    const match = /^\s*(\S+):\s*((?:\d+\s*){16})$/.exec(line);
    if (match === null) continue;
    const counters = (match[2] ?? "").trim().split(/\s+/).map((counter) => BigInt(counter));
    const counter = (index: number): bigint => counters[index] ?? 0n;
    result.set(match[1] ?? "", {
      rxBytes: counter(0),
      rxPackets: counter(1),
      rxErrors: counter(2),
      rxDropped: counter(3),
      txBytes: counter(8),
      txPackets: counter(9),
      txErrors: counter(10),
      txDropped: counter(11),
    });
  }
  return result;
}

interface Link {
  readonly name: string;
  readonly hardwareAddress: string | undefined;
}

function readLinks({ files, sysfs, procfs }: NetworkSources): Link[] {
  const directory = `${sysfs}/class/net`;
  // A kernel without IPv4 has no such file.
  const routes = `${procfs}/net/route`;
  const defaultRoute = defaultRouteInterface(files.exists(routes) ? files.readText(routes) : "");
  const rank = (name: string): number => {
    if (name === defaultRoute) return 0;
    if (files.exists(`${directory}/${name}/device`)) return 1;
    return name === "lo" ? 3 : 2;
  };
  return files.list(directory)
    .map((name) => ({
      name,
      index: Number(files.readAttribute(`${directory}/${name}/ifindex`) ?? Number.NaN),
      rank: rank(name),
    }))
    // Files such as bonding_masters stand among the interfaces.
    .filter(({ index }) => !Number.isNaN(index))
    .sort((one, other) => one.rank - other.rank || one.index - other.index)
    .map(({ name }) => ({
      name,
      hardwareAddress: hardwareAddress(files.readAttribute(`${directory}/${name}/address`)),
    }));
}

/** The interface of the IPv4 default route with the least metric, from `/proc/net/route`. */
function defaultRouteInterface(text: string): string | undefined {
  const [best] = text.split("\n").slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1] === "00000000" && fields[7] === "00000000")
    .map(([name, , , , , , metric]) => ({ name, metric: Number(metric) }))
    .sort((one, other) => one.metric - other.metric);
  return best?.name;
}

/** The first six bytes, as SIOCGIFHWADDR has them; zeros for an interface without an address. */
function hardwareAddress(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  return text === "" ? "00:00:00:00:00:00" : text.toLowerCase().slice(0, 17);
}

function withoutLabel(addresses: readonly LabelledAddress[] = []): InterfaceAddress[] {
  return addresses
    .map(({ family, address, prefix }) => ({ family, address, prefix }))
    // IPv4 before IPv6, as getifaddrs(3) has it.
    .sort((one, other) => one.family < other.family ? -1 : Number(one.family > other.family));
}
