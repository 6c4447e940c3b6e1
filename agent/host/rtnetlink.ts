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
const IFLA_STATS64 = 23;
const IFLA_PARENT_DEV_NAME = 56;
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

const LINK_ATTRIBUTES = [IFLA_ADDRESS, IFLA_IFNAME, IFLA_STATS64, IFLA_PARENT_DEV_NAME];
const ADDRESS_ATTRIBUTES = [IFA_ADDRESS, IFA_LOCAL, IFA_LABEL];

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
  /** Whether a device of a bus is behind it; Linux tells it from 5.14 on. */
  readonly hasDevice: boolean;
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
}

/** A network namespace: its interfaces and their addresses, in the kernel's order. */
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
 * The interfaces and addresses of this process' network namespace, from the kernel (rtnetlink(7)).
 *
 * @throws LibcError when the kernel refuses
 */
export function readNetwork(libc: Libc): Network {
  const { socket } = libc.bind(SOCKET_SYMBOLS);
  const fd = libc.check(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), "socket");
  try {
    const links = dump(libc, fd, RTM_GETLINK, LINK_SIZE, parseLink);
    const names = new Map(links.map(({ index, name }) => [index, name]));
    const addresses = dump(
      libc,
      fd,
      RTM_GETADDR,
      ADDRESS_SIZE,
      (message) => parseAddress(libc, message, names),
    );
    return { links, addresses };
  } finally {
    libc.file.close(fd);
  }
}

/** Asks for a list until it has not changed meanwhile. */
function dump<T>(
  libc: Libc,
  fd: number,
  type: number,
  bodySize: number,
  parse: (message: NetlinkMessage) => T | undefined,
): T[] {
  const buffer = new Uint8Array(BUFFER_SIZE);
  for (let attempt = 1;; attempt++) {
    request(libc, fd, type, bodySize);
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
    }
    if (!changed || attempt === ATTEMPTS) return items;
  }
}

function request(libc: Libc, fd: number, type: number, bodySize: number): void {
  const bytes = new Uint8Array(HEADER_SIZE + bodySize);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, NLM_F_REQUEST | NLM_F_DUMP, true);
  const count = libc.frequent.write(fd, bytes, BigInt(bytes.length));
  libc.check(count, "ask the kernel for its network");
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

/** The link that a message tells; undefined for one that tells none. */
export function parseLink({ type, body }: NetlinkMessage): Link | undefined {
  if (type !== RTM_NEWLINK || body.length < LINK_SIZE) return undefined;
  const attributes = parseAttributes(body, LINK_SIZE, LINK_ATTRIBUTES);
  const name = attributes.get(IFLA_IFNAME);
  if (name === undefined) return undefined;
  const statistics = attributes.get(IFLA_STATS64);
  return {
    name: cText(name),
    index: new DataView(body.buffer, body.byteOffset).getInt32(4, true),
    // A copy: the buffer is used again.
    hardwareAddress: new Uint8Array(attributes.get(IFLA_ADDRESS) ?? []),
    hasDevice: attributes.has(IFLA_PARENT_DEV_NAME),
    statistics: statistics === undefined ? undefined : parseStatistics(statistics),
  };
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

/** The address that a message tells; undefined for one that tells none of IPv4 or IPv6. */
export function parseAddress(
  libc: Libc,
  { type, body }: NetlinkMessage,
  names: ReadonlyMap<number, string>,
): LinkAddress | undefined {
  if (type !== RTM_NEWADDR || body.length < ADDRESS_SIZE) return undefined;
  const view = new DataView(body.buffer, body.byteOffset);
  const attributes = parseAttributes(body, ADDRESS_SIZE, ADDRESS_ATTRIBUTES);
  // On a point-to-point link the other address is the peer's.
  const bytes = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS);
  const label = attributes.get(IFA_LABEL);
  const name = label === undefined ? names.get(view.getUint32(4, true)) : cText(label);
  if (bytes === undefined || name === undefined) return undefined;
  const [family = 0, prefix = 0] = body;
  if (family === AF_INET && bytes.length === 4) {
    return { family: "IPv4", address: formatIpv4(bytes), prefix, label: name };
  }
  if (family === AF_INET6 && bytes.length === 16) {
    return { family: "IPv6", address: formatIpv6(libc, bytes), prefix, label: name };
  }
  return undefined;
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
    const type = view.getUint16(offset + 2, true);
    if (types.includes(type)) attributes.set(type, body.subarray(offset + 4, offset + length));
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
