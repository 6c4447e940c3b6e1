import type { KernelFiles } from "./kernel_files.ts";
import type { Link, LinkAddress, LinkStatistics, Network } from "./rtnetlink.ts";

// What SIOCGIFHWADDR gives (netdevice(7)).
const HARDWARE_ADDRESS_SIZE = 6;

/** A network interface of the host. */
export interface NetworkInterface {
  readonly name: string;
  /** Six bytes in lower-case hex with colons. */
  readonly hardwareAddress: string | undefined;
  readonly addresses: readonly LinkAddress[];
  readonly statistics: LinkStatistics | undefined;
}

/** Where the facts about interfaces come from. */
export interface NetworkSources {
  readonly files: KernelFiles;
  readonly procfs: string;
  /** See `readNetwork`. */
  readonly network: () => Network;
}

/**
 * The network interfaces: that of the default route first, since hypervisors show the first address,
 * then those with hardware, then the others, each by index, and the loopback last. An address with a
 * label of its own makes an entry of its own, as getifaddrs(3) has it.
 *
 * @throws LibcError when the kernel does not tell them
 */
export function readNetworkInterfaces(sources: NetworkSources): NetworkInterface[] {
  const network = sources.network();
  const addresses = Map.groupBy(network.addresses, ({ label }) => label);
  const links = inOrder(network.links, sources);
  const result = links.map((link): NetworkInterface => ({
    name: link.name,
    hardwareAddress: formatHardwareAddress(link.hardwareAddress),
    addresses: ipv4First(addresses.get(link.name)),
    statistics: link.statistics,
  }));
  for (const [label, labelled] of addresses) {
    if (links.some((link) => link.name === label)) continue;
    const [base] = label.split(":");
    result.push({
      name: label,
      hardwareAddress: result.find(({ name }) => name === base)?.hardwareAddress,
      addresses: ipv4First(labelled),
      statistics: undefined,
    });
  }
  return result;
}

function inOrder(links: readonly Link[], { files, procfs }: NetworkSources): Link[] {
  // A kernel without IPv4 has no such file.
  const routes = files.readTextIfPresent(`${procfs}/net/route`) ?? "";
  const defaultRoute = defaultRouteInterface(routes);
  const rank = ({ name, hasDevice }: Link): number => {
    if (name === defaultRoute) return 0;
    if (name === "lo") return 3;
    return hasDevice ? 1 : 2;
  };
  return links.map((link) => ({ link, rank: rank(link) }))
    .sort((one, other) => one.rank - other.rank || one.link.index - other.link.index)
    .map(({ link }) => link);
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

/** The first six bytes; zeros where the interface has less. */
function formatHardwareAddress(bytes: Uint8Array): string {
  let text = "";
  for (let index = 0; index < HARDWARE_ADDRESS_SIZE; index++) {
    if (index > 0) text += ":";
    text += (bytes[index] ?? 0).toString(16).padStart(2, "0");
  }
  return text;
}

/** As getifaddrs(3) has it. */
function ipv4First(addresses: readonly LinkAddress[] = []): LinkAddress[] {
  return addresses.toSorted((one, other) =>
    one.family < other.family ? -1 : Number(one.family > other.family)
  );
}
