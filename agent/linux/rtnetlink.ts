import type { Steps } from "../steps.ts";
import { decodeText } from "./decode_text.ts";
import { formatIpv4, formatIpv6 } from "./ip_address.ts";
import { type Libc, LibcError } from "./libc.ts";

const SOCKET_SYMBOLS = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

const AF_INET = 2;
const AF_INET6 = 10;
const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
const NETLINK_ROUTE = 0;

// struct nlmsghdr (netlink(7)).
const HEADER_SIZE = 16;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_REQUEST = 0x001;
const NLM_F_DUMP = 0x300;
const NLM_F_DUMP_INTR = 0x010;

// struct ifinfomsg and struct ifaddrmsg (rtnetlink(7)).
const RTM_NEWLINK = 16;
const RTM_GETLINK = 18;
const LINK_SIZE = 16;
const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MASTER = 10;
const IFLA_LINKINFO = 18;
const IFLA_STATS64 = 23;
const IFLA_EXT_MASK = 29;
const IFLA_LINK_NETNSID = 37;
const IFLA_PERM_ADDRESS = 54;
// Within IFLA_LINKINFO.
const IFLA_INFO_KIND = 1;
// The upper bits of an attribute's type are flags.
const ATTRIBUTE_TYPE = 0x3fff;
// Without the counters of each protocol: adding them up takes the kernel half of the time.
const RTEXT_FILTER_SKIP_STATS = 1 << 3;
// struct rtnl_link_stats64 of Linux 2.6.35; later ones have more.
const STATISTICS_SIZE = 23 * 8;
// The upper half of the first integer that a number does not hold for sure.
const BEYOND_NUMBERS = 2 ** 21;
const RTM_NEWADDR = 20;
const RTM_GETADDR = 22;
const ADDRESS_SIZE = 8;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_LABEL = 3;
const IFA_F_TEMPORARY = 0x01;
const IFA_F_DEPRECATED = 0x20;
const SCOPE_UNIVERSE = 0;
const SCOPE_SITE = 200;

const NAME_ATTRIBUTES = [IFLA_IFNAME, IFLA_LINKINFO, IFLA_LINK_NETNSID];
const KIND_ATTRIBUTES = [IFLA_INFO_KIND];
const LINK_ATTRIBUTES = [IFLA_ADDRESS, IFLA_STATS64, IFLA_MASTER, IFLA_PERM_ADDRESS];
const ADDRESS_ATTRIBUTES = [IFA_ADDRESS, IFA_LOCAL, IFA_LABEL];

const LINK_REQUEST = dumpRequest(RTM_GETLINK, LINK_SIZE, {
  type: IFLA_EXT_MASK,
  value: RTEXT_FILTER_SKIP_STATS,
});
const ADDRESS_REQUEST = dumpRequest(RTM_GETADDR, ADDRESS_SIZE);

// The kernel fills 32 KiB at most.
const BUFFER_SIZE = 32 * 1024;
const BUFFER_LENGTH = BigInt(BUFFER_SIZE);
/** How often a list is asked for that changes while the kernel tells it. */
const ATTEMPTS = 5;

const decoder = new TextDecoder();

/** Counters of a link, as /proc/net/dev has them; bigints beyond what a number holds. */
export interface LinkStatistics {
  readonly rxBytes: number | bigint;
  readonly rxPackets: number | bigint;
  readonly rxErrors: number | bigint;
  readonly rxDropped: number | bigint;
  readonly txBytes: number | bigint;
  readonly txPackets: number | bigint;
  readonly txErrors: number | bigint;
  readonly txDropped: number | bigint;
}

/** A network interface of the kernel. */
export interface Link {
  readonly name: string;
  readonly index: number;
  /** All of its bytes; none for an interface that has no such address. */
  readonly hardwareAddress: Uint8Array;
  /** What `ip -details link` calls its type, such as `bond`; empty for hardware. See `POD_VETH`. */
  readonly kind: string;
  /** Whether it is a member of a bond, a bridge or the like. */
  readonly hasMaster: boolean;
  /** The address that its hardware came with, where that is known: a bond gives its members another one. */
  readonly permanentAddress: Uint8Array | undefined;
  readonly statistics: LinkStatistics | undefined;
}

/** An address of an interface. */
export interface LinkAddress {
  readonly family: "IPv4" | "IPv6";
  readonly address: string;
  /** Length of the network prefix in bits. */
  readonly prefix: number;
  /** The interface's name, or a label of its own such as `eth0:1`. */
  readonly label: string;
  /** Of its interface. */
  readonly index: number;
  /** Whether it is good beyond this machine and its links, and not about to go. */
  readonly isGlobal: boolean;
  /** Whether it is one that changes by itself, or is to be used no longer (IPv6). */
  readonly isPassing: boolean;
}

/** The kind of a veth whose peer is in another network namespace: a pod's, or a container's. */
export const POD_VETH = "pod-veth";

/** What of a network namespace is asked for. */
export interface NetworkFilter {
  /** Whether an interface is, by its name and kind. */
  readonly link: (name: string, kind: string) => boolean;
  /** Whether an address is in any case, and its interface with it; left out: none is. */
  readonly address?: (address: string) => boolean;
}

/**
 * A network namespace: those of its interfaces that are asked for, with their addresses, in the kernel's order.
 */
export interface Network {
  readonly links: readonly Link[];
  readonly addresses: readonly LinkAddress[];
}

/** One message of a dump: its type, and its bytes behind the header. */
export interface NetlinkMessage {
  readonly type: number;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** A part of a dump. */
export interface Datagram {
  readonly messages: readonly NetlinkMessage[];
  /** Whether the list has changed while the kernel told it. */
  readonly changed: boolean;
}

/**
 * The interfaces and addresses of this process' network namespace, from the kernel (rtnetlink(7)). What
 * is not asked for is passed over as it comes.
 *
 * @throws LibcError when the kernel refuses
 */
export function* readNetwork(libc: Libc, wanted: NetworkFilter): Steps<Network> {
  const { socket } = libc.bind(SOCKET_SYMBOLS);
  const fd = libc.check(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), "socket");
  try {
    const linksOf = (filter: LinkFilter) =>
      dump(libc, fd, LINK_REQUEST, (message) => parseLink(message, filter));
    const links = yield* linksOf(({ name, kind }) => wanted.link(name, kind));
    const names = new Map(links.map(({ index, name }) => [index, name]));
    const addressesOf = () =>
      dump(libc, fd, ADDRESS_REQUEST, (message) => parseAddress(message, names, wanted.address));
    let addresses = yield* addressesOf();
    const missing = new Set(addresses.map(({ index }) => index)).difference(new Set(names.keys()));
    if (missing.size > 0) {
      const others = yield* linksOf(({ index }) => missing.has(index));
      links.push(...others);
      links.sort((one, other) => one.index - other.index);
      for (const { index, name } of others) names.set(index, name);
      addresses = yield* addressesOf();
    }
    return { links, addresses };
  } finally {
    libc.file.close(fd);
  }
}

/** Whether a link is asked for, by what is read of it first. */
type LinkFilter = (link: Pick<Link, "name" | "kind" | "index">) => boolean;

/** Asks for a list until it has not changed meanwhile. */
function* dump<T>(
  libc: Libc,
  fd: number,
  wish: Uint8Array<ArrayBuffer>,
  parse: (message: NetlinkMessage) => T | undefined,
): Steps<T[]> {
  const buffer = new Uint8Array(BUFFER_SIZE);
  try {
    for (let attempt = 1;; attempt++) {
      const count = libc.frequent.write(fd, wish, BigInt(wish.length));
      libc.check(count, "ask the kernel for its network");
      const items: T[] = [];
      let changed = false;
      for (let done = false; !done;) {
        const part = receive(libc, fd, buffer);
        changed ||= part.changed;
        done = part.done;
        for (const message of part.messages) {
          const item = parse(message);
          if (item !== undefined) items.push(item);
        }
        yield;
      }
      if (!changed || attempt === ATTEMPTS) return items;
    }
  } finally {
    // At once, not by the next garbage collection.
    buffer.buffer.transfer(0);
  }
}

/** The request for a list; `attribute` is one of its own, with a number. */
function dumpRequest(
  type: number,
  bodySize: number,
  attribute?: { readonly type: number; readonly value: number },
): Uint8Array<ArrayBuffer> {
  const attributeStart = HEADER_SIZE + bodySize;
  const bytes = new Uint8Array(attributeStart + (attribute === undefined ? 0 : 8));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, NLM_F_REQUEST | NLM_F_DUMP, true);
  if (attribute !== undefined) {
    view.setUint16(attributeStart, 8, true);
    view.setUint16(attributeStart + 2, attribute.type, true);
    view.setUint32(attributeStart + 4, attribute.value, true);
  }
  return bytes;
}

/** One datagram of a list, in `buffer`. */
function receive(
  libc: Libc,
  fd: number,
  buffer: Uint8Array<ArrayBuffer>,
): Datagram & { readonly done: boolean } {
  const count = libc.frequent.read(fd, buffer, BUFFER_LENGTH);
  const length = libc.check(count, "receive the kernel's network");
  const datagram = splitMessages(buffer.subarray(0, length));
  for (const { type, body } of datagram.messages) {
    if (type !== NLMSG_ERROR) continue;
    const errno = -new DataView(body.buffer, body.byteOffset, body.byteLength).getInt32(0, true);
    throw new LibcError("list the network", errno, libc.explain(errno));
  }
  return { ...datagram, done: datagram.messages.at(-1)?.type === NLMSG_DONE };
}

/** Takes a datagram apart. */
export function splitMessages(datagram: Uint8Array<ArrayBuffer>): Datagram {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  const messages: NetlinkMessage[] = [];
  let changed = false;
  for (let offset = 0; offset + HEADER_SIZE <= datagram.length;) {
    const length = view.getUint32(offset, true);
    if (length < HEADER_SIZE || offset + length > datagram.length) break;
    if ((view.getUint16(offset + 6, true) & NLM_F_DUMP_INTR) !== 0) changed = true;
    messages.push({
      type: view.getUint16(offset + 4, true),
      body: datagram.subarray(offset + HEADER_SIZE, offset + length),
    });
    offset += aligned(length);
  }
  return { messages, changed };
}

/** The link that a message tells; undefined for one that tells none, or none that is asked for. */
export function parseLink(
  { type, body }: NetlinkMessage,
  wanted: LinkFilter,
): Link | undefined {
  if (type !== RTM_NEWLINK || body.length < LINK_SIZE) return undefined;
  const first = parseAttributes(body, LINK_SIZE, NAME_ATTRIBUTES);
  const nameBytes = first.get(IFLA_IFNAME);
  if (nameBytes === undefined) return undefined;
  const name = cText(nameBytes);
  const index = new DataView(body.buffer, body.byteOffset).getInt32(4, true);
  const kind = parseKind(first.get(IFLA_LINKINFO), first.has(IFLA_LINK_NETNSID));
  if (!wanted({ name, kind, index })) return undefined;
  const attributes = parseAttributes(body, LINK_SIZE, LINK_ATTRIBUTES);
  const statistics = attributes.get(IFLA_STATS64);
  const permanent = attributes.get(IFLA_PERM_ADDRESS);
  return {
    name,
    index,
    kind,
    hasMaster: attributes.has(IFLA_MASTER),
    permanentAddress: permanent === undefined ? undefined : new Uint8Array(permanent),
    // A copy: the buffer is used again.
    hardwareAddress: new Uint8Array(attributes.get(IFLA_ADDRESS) ?? []),
    statistics: statistics === undefined ? undefined : parseStatistics(statistics),
  };
}

function parseKind(info: Uint8Array<ArrayBuffer> | undefined, isAcross: boolean): string {
  const bytes = info && parseAttributes(info, 0, KIND_ATTRIBUTES).get(IFLA_INFO_KIND);
  const kind = bytes === undefined ? "" : cText(bytes);
  return kind === "veth" && isAcross ? POD_VETH : kind;
}

/** struct rtnl_link_stats64 (linux/if_link.h). */
function parseStatistics(bytes: Uint8Array<ArrayBuffer>): LinkStatistics | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < STATISTICS_SIZE) return undefined;
  const counter = (index: number): number | bigint => readCounter(view, 8 * index);
  const missed = counter(15);
  const dropped = counter(6);
  return {
    rxPackets: counter(0),
    txPackets: counter(1),
    rxBytes: counter(2),
    txBytes: counter(3),
    rxErrors: counter(4),
    txErrors: counter(5),
    // Those missed by the hardware count as dropped in /proc/net/dev.
    rxDropped: missed === 0 ? dropped : BigInt(dropped) + BigInt(missed),
    txDropped: counter(7),
  };
}

function readCounter(view: DataView, offset: number): number | bigint {
  const high = view.getUint32(offset + 4, true);
  if (high >= BEYOND_NUMBERS) return view.getBigUint64(offset, true);
  return high * 0x1_0000_0000 + view.getUint32(offset, true);
}

/**
 * The address that a message tells; undefined for one that tells none of IPv4 or IPv6, or none that is
 * asked for.
 *
 * @param names of the interfaces that are asked for, by index
 * @param wanted says of an address of another interface whether it is asked for
 */
export function parseAddress(
  { type, body }: NetlinkMessage,
  names: ReadonlyMap<number, string>,
  wanted: (address: string) => boolean = () => false,
): LinkAddress | undefined {
  if (type !== RTM_NEWADDR || body.length < ADDRESS_SIZE) return undefined;
  const view = new DataView(body.buffer, body.byteOffset);
  const attributes = parseAttributes(body, ADDRESS_SIZE, ADDRESS_ATTRIBUTES);
  // On a point-to-point link the other address is the peer's.
  const bytes = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS);
  if (bytes === undefined) return undefined;
  const [family = 0, prefix = 0, flags = 0, scope = 0] = body;
  const isIpv4 = family === AF_INET && bytes.length === 4;
  if (!isIpv4 && !(family === AF_INET6 && bytes.length === 16)) return undefined;
  const index = view.getUint32(4, true);
  const name = names.get(index);
  const address = isIpv4 ? formatIpv4(bytes) : formatIpv6(bytes);
  if (name === undefined && !wanted(address)) return undefined;
  const labelBytes = attributes.get(IFA_LABEL);
  return {
    family: isIpv4 ? "IPv4" : "IPv6",
    address,
    prefix,
    label: labelBytes === undefined ? name ?? "" : cText(labelBytes),
    index,
    isGlobal: scope === SCOPE_UNIVERSE || scope === SCOPE_SITE,
    // IPv4 has the same bit for secondary addresses.
    isPassing: !isIpv4 && (flags & (IFA_F_TEMPORARY | IFA_F_DEPRECATED)) !== 0,
  };
}

/** struct rtattr of these types, by type. A link has dozens, most of which nobody asks for. */
function parseAttributes(
  body: Uint8Array<ArrayBuffer>,
  start: number,
  types: readonly number[],
): Map<number, Uint8Array<ArrayBuffer>> {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const attributes = new Map<number, Uint8Array<ArrayBuffer>>();
  for (let offset = start; offset + 4 <= body.length;) {
    const length = view.getUint16(offset, true);
    if (length < 4 || offset + length > body.length) break;
    const type = view.getUint16(offset + 2, true) & ATTRIBUTE_TYPE;
    if (types.includes(type)) {
      attributes.set(type, body.subarray(offset + 4, offset + length));
      if (attributes.size === types.length) break;
    }
    offset += aligned(length);
  }
  return attributes;
}

function cText(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return decodeText(decoder, bytes, 0, end < 0 ? bytes.length : end);
}

/** Messages and attributes begin at multiples of four bytes. */
function aligned(length: number): number {
  return (length + 3) & ~3;
}
