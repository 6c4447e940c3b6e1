import { atOnce, type Steps } from "../../steps.ts";
import type { Host } from "../host.ts";
import { Errno, LibcError } from "../../linux/libc.ts";
import {
  type InterfaceFilter,
  interfaceOfLabel,
  type Link,
  type LinkAddress,
  type LinkStatistics,
} from "../../linux/rtnetlink.ts";
import { TableLine } from "../../linux/table_line.ts";
import { lineEnd, wholeLines } from "../../linux/whole_lines.ts";

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

/**
 * The network interfaces: that of the default route first, since hypervisors show the first address,
 * then those with hardware, then the others, each by index, and the loopback last. An address with a
 * label of its own makes an entry of its own, as getifaddrs(3) has it.
 *
 * @param wanted says by its name whether an interface, or an address with a label, is asked for; what is
 *   left out costs little
 * @throws LibcError when the kernel does not tell them
 */
export function* readNetworkInterfaces(
  host: Host,
  wanted: InterfaceFilter,
): Steps<NetworkInterface[]> {
  const { links, addresses } = yield* host.readNetwork(wanted);
  const byLabel = Map.groupBy(addresses, ({ label }) => label);
  const hardwareAddresses = new Map(
    links.map(({ name, hardwareAddress }) => [name, formatHardwareAddress(hardwareAddress)]),
  );
  const reported = links.filter(({ name }) => wanted(name));
  const result = inOrder(reported, host).map((link): NetworkInterface => ({
    name: link.name,
    hardwareAddress: hardwareAddresses.get(link.name),
    addresses: ipv4First(byLabel.get(link.name)),
    statistics: link.statistics,
  }));
  for (const { name } of links) byLabel.delete(name);
  for (const [label, labelled] of byLabel) {
    result.push({
      name: label,
      hardwareAddress: hardwareAddresses.get(interfaceOfLabel(label)),
      addresses: ipv4First(labelled),
      statistics: undefined,
    });
  }
  return result;
}

/** All IP addresses of this network namespace, as text. */
export function readOwnAddresses(host: Host): string[] {
  return atOnce(host.readNetwork(() => true)).addresses.map(({ address }) => address);
}

function inOrder(links: readonly Link[], host: Host): Link[] {
  const defaultRoute = readDefaultRouteInterface(host);
  const rank = ({ name, hasDevice }: Link): number => {
    if (name === defaultRoute) return 0;
    if (name === "lo") return 3;
    return hasDevice ? 1 : 2;
  };
  return links.map((link) => ({ link, rank: rank(link) }))
    .sort((one, other) => one.rank - other.rank || one.link.index - other.link.index)
    .map(({ link }) => link);
}

/**
 * The interface of the IPv4 default route with the least metric. The kernel tells routes by their
 * destinations, 0.0.0.0 first, so that of a long table only the beginning is read.
 */
function readDefaultRouteInterface(host: Host): string | undefined {
  let best: { name: string; metric: number } | undefined;
  const line = new TableLine();
  try {
    for (const lines of wholeLines(host.files.readChunks(host.procPath("net/route")))) {
      for (let start = 0; start < lines.length;) {
        const end = lineEnd(lines, start);
        line.read(lines, start, end);
        start = end + 1;
        const destination = line.hex(1);
        // The heading.
        if (Number.isNaN(destination)) continue;
        if (destination !== 0) return best?.name;
        const metric = line.decimal(6);
        if (line.hex(7) === 0 && (best === undefined || metric < best.metric)) {
          best = { name: line.text(0), metric };
        }
      }
    }
  } catch (error) {
    // A kernel without IPv4 has no such file.
    if (!(error instanceof LibcError && error.errno === Errno.ENOENT)) throw error;
  }
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
