import { atOnce, type Steps } from "../../steps.ts";
import type {
  Link,
  LinkAddress,
  LinkStatistics,
  Network,
  NetworkFilter,
} from "../../linux/rtnetlink.ts";
import type { Host } from "../host.ts";
import { matchesAny } from "../name_pattern.ts";
import { type DefaultRoute, readDefaultRoute } from "./default_route.ts";

// What SIOCGIFHWADDR gives (netdevice(7)).
const HARDWARE_ADDRESS_SIZE = 6;
const LOOPBACK = "lo";
const NO_HARDWARE_ADDRESS = "00:00:00:00:00:00";
/** What stands before the kind of a link in a pattern. */
const KIND = "kind:";
const IPV4_BITS = 32;

/** A network interface of the host. */
export interface NetworkInterface {
  readonly name: string;
  /** Six bytes in lower-case hex with colons. */
  readonly hardwareAddress: string | undefined;
  readonly addresses: readonly LinkAddress[];
  readonly statistics: LinkStatistics | undefined;
}

/** Which interfaces are reported, and in which order. */
export interface InterfaceSelection {
  /** Patterns of names, or `kind:` and a kind; empty for all. */
  readonly include: readonly string[];
  /** The same of those that are left out; empty for none. */
  readonly exclude: readonly string[];
  /** `node`: the node's own address first; `kernel`: as the kernel and qemu-ga have it. */
  readonly order: "node" | "kernel";
  /** Addresses that may be the node's own, the first of which that it has is. */
  readonly nodeAddresses: readonly string[];
}

/**
 * The network interfaces that are asked for.
 *
 * In the order `node` a client that takes the first one, the second one, the one with the NIC's hardware
 * address, or that merges them by it, gets the node's own address: loopback comes first, then the interface with
 * the node's own address, then the others as the kernel has them; within an interface the own address first,
 * then others that are global, shared ones last, then link-local ones. The interface of the default route and that
 * of the own address are never excluded. One without addresses is left out when another has its hardware address
 * and addresses: a client that merges them would lose these.
 *
 * @throws LibcError when the kernel does not tell them
 */
export function* readNetworkInterfaces(
  host: Host,
  selection: InterfaceSelection,
): Steps<NetworkInterface[]> {
  if (selection.order === "kernel") {
    return inKernelOrder(yield* host.readNetwork(filterOf(selection, undefined)), selection);
  }
  const route = yield* readDefaultRoute(host);
  const network = yield* host.readNetwork(filterOf(selection, route));
  const own = findOwnAddress(network, route, selection.nodeAddresses);
  const rank = ({ name, index }: Link): number =>
    name === LOOPBACK ? 0 : index === own?.index ? 1 : 2;
  const found = network.links
    .toSorted((one, other) => rank(one) - rank(other) || one.index - other.index)
    .map((link) => ({ link, entry: entryOf(link, network.addresses, own) }));
  const withAddresses = new Set(
    found.filter(({ entry }) => entry.addresses.length > 0)
      .map(({ entry }) => entry.hardwareAddress)
      .filter((address) => address !== NO_HARDWARE_ADDRESS),
  );
  return found.filter(({ link, entry }) =>
    entry.addresses.length > 0 || isAskedFor(link, selection) ||
    !(isPlaceholder(link) || withAddresses.has(entry.hardwareAddress))
  ).map(({ entry }) => entry);
}

/** All IP addresses of this network namespace, as text. */
export function readOwnAddresses(host: Host): string[] {
  return atOnce(host.readNetwork({ link: () => true })).addresses.map(({ address }) => address);
}

/**
 * Whether an interface is reported, by its name and its kind: it matches one of the patterns to include, if
 * there are any, and none of those to exclude. `*` and `?` stand for any characters.
 */
export function isReported(
  name: string,
  kind: string,
  { include, exclude }: Pick<InterfaceSelection, "include" | "exclude">,
): boolean {
  const matches = (patterns: readonly string[]) =>
    matchesAny(name, patterns) || (kind !== "" && matchesAny(`${KIND}${kind}`, patterns));
  return (include.length === 0 || matches(include)) && !matches(exclude);
}

function filterOf(
  selection: InterfaceSelection,
  route: DefaultRoute | undefined,
): NetworkFilter {
  const { include, nodeAddresses } = selection;
  return {
    link: (name, kind) =>
      isReported(name, kind, selection) ||
      (name === route?.interface && isReported(name, kind, { include, exclude: [] })),
    ...(include.length > 0 || selection.order === "kernel"
      ? {}
      : { address: (address: string) => nodeAddresses.includes(address) }),
  };
}

/** Whether somebody has chosen it: nothing is excluded, or it is included by its name. */
function isAskedFor({ name, kind }: Link, { include, exclude }: InterfaceSelection): boolean {
  return exclude.length === 0 ||
    (include.length > 0 && isReported(name, kind, { include, exclude: [] }));
}

/** Whether it is one that Linux makes with a module, and that nobody uses as long as it has no address. */
function isPlaceholder({ kind }: Link): boolean {
  return kind === "dummy";
}

/**
 * The node's own address: one that the configuration names, else the one with which the node goes out by its
 * default route, else the first that is global.
 */
function findOwnAddress(
  { links, addresses }: Network,
  route: DefaultRoute | undefined,
  nodeAddresses: readonly string[],
): LinkAddress | undefined {
  const global = addresses.filter(({ isGlobal }) => isGlobal);
  const named = nodeAddresses.map((text) => global.find(({ address }) => address === text))
    .find((address) => address !== undefined);
  if (named !== undefined) return named;
  const outgoing = links.find(({ name }) => name === route?.interface);
  const ofRoute = global.filter(({ index, family }) =>
    index === outgoing?.index && family === route?.family
  );
  return ofRoute.find((address) => reaches(address, route?.gateway ?? 0)) ??
    firstOf(ofRoute) ??
    firstOf(global.filter(({ index }) => links.some((link) => link.index === index)));
}

/** The one that stays and is no shared one, or else any. */
function firstOf(addresses: readonly LinkAddress[]): LinkAddress | undefined {
  return addresses.find((address) => !address.isPassing && !isShared(address, addresses)) ??
    addresses[0];
}

/** Whether an IPv4 gateway, a number in the kernel's order of bytes, is in the address's network. */
function reaches({ family, address, prefix }: LinkAddress, gateway: number): boolean {
  if (family !== "IPv4" || gateway === 0) return false;
  const bytes = address.split(".").map(Number);
  let differing = 0;
  for (let index = 0; index < bytes.length; index++) {
    differing = (differing << 8) | ((bytes[index] ?? 0) ^ ((gateway >>> (8 * index)) & 0xff));
  }
  return prefix === 0 || (differing >>> (IPV4_BITS - prefix)) === 0;
}

/** Whether it is an IPv4 address without a network of its own on an interface that has one: a virtual IP. */
function isShared(
  { family, prefix, index }: LinkAddress,
  addresses: readonly LinkAddress[],
): boolean {
  return family === "IPv4" && prefix === IPV4_BITS &&
    addresses.some((other) =>
      other.index === index && other.family === "IPv4" && other.isGlobal && other.prefix < IPV4_BITS
    );
}

function entryOf(
  link: Link,
  all: readonly LinkAddress[],
  own: LinkAddress | undefined,
): NetworkInterface {
  const addresses = all.filter(({ index }) => index === link.index);
  const rank = (address: LinkAddress): number => {
    if (address === own) return 0;
    if (!address.isGlobal) return 4;
    if (isShared(address, addresses)) return 2;
    return address.isPassing ? 3 : 1;
  };
  return {
    name: link.name,
    hardwareAddress: hardwareAddressOf(link),
    // The sort is stable.
    addresses: ipv4First(addresses).sort((one, other) => rank(one) - rank(other)),
    statistics: link.statistics,
  };
}

/** The hypervisor knows a member of a bond by the address that its hardware came with. */
function hardwareAddressOf({ hasMaster, permanentAddress, hardwareAddress }: Link): string {
  return formatHardwareAddress(hasMaster ? permanentAddress ?? hardwareAddress : hardwareAddress);
}

/** As getifaddrs(3) has it: an address with a label of its own makes an entry of its own, behind the others. */
function inKernelOrder(
  { links, addresses }: Network,
  selection: InterfaceSelection,
): NetworkInterface[] {
  const byLabel = Map.groupBy(addresses, ({ label }) => label);
  const entries = links.map((link): NetworkInterface => ({
    name: link.name,
    hardwareAddress: formatHardwareAddress(link.hardwareAddress),
    addresses: ipv4First(byLabel.get(link.name)),
    statistics: link.statistics,
  }));
  for (const { name } of links) byLabel.delete(name);
  for (const [label, labelled] of byLabel) {
    const link = links.find(({ index }) => index === labelled[0]?.index);
    if (link === undefined || !isReported(label, "", selection)) continue;
    entries.push({
      name: label,
      hardwareAddress: formatHardwareAddress(link.hardwareAddress),
      addresses: ipv4First(labelled),
      statistics: undefined,
    });
  }
  return entries;
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
