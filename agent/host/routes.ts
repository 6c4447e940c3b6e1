import { formatIpv4, formatIpv6 } from "./ip_address.ts";
import type { KernelFiles } from "./kernel_files.ts";
import { type Libc, LibcError } from "./libc.ts";

/** A route of the IPv4 table. */
export interface Ipv4Route {
  readonly version: 4;
  readonly interface: string;
  readonly destination: string;
  readonly gateway: string;
  readonly mask: string;
  /** RTF_* of linux/route.h. */
  readonly flags: bigint;
  readonly references: number;
  readonly use: number;
  readonly metric: number;
  readonly mtu: number;
  readonly window: number;
  /** Initial round-trip time. */
  readonly irtt: number;
}

/** A route of the IPv6 table. */
export interface Ipv6Route {
  readonly version: 6;
  readonly interface: string;
  readonly destination: string;
  /** Length of the destination's prefix in bits. */
  readonly destinationPrefix: number;
  readonly source: string;
  /** Length of the source's prefix in bits. */
  readonly sourcePrefix: number;
  readonly nextHop: string;
  /** RTF_* of linux/ipv6_route.h. */
  readonly flags: bigint;
  readonly references: number;
  readonly use: number;
  readonly metric: number;
}

/**
 * The routes of this network namespace, IPv4 first, from `/proc/net/route` and
 * `/proc/net/ipv6_route`. A kernel without one of the two protocols has the other's routes.
 *
 * @throws LibcError when neither file can be read, in the words of qemu-ga
 */
export function readRoutes(
  libc: Libc,
  files: KernelFiles,
  procfs: string,
): (Ipv4Route | Ipv6Route)[] {
  const path = `${procfs}/net/route`;
  const ipv4 = readTable(files, path);
  const ipv6 = readTable(files, `${procfs}/net/ipv6_route`);
  if (ipv4 instanceof LibcError && ipv6 instanceof LibcError) {
    throw new LibcError(`open("${path}")`, ipv4.errno, libc.explain(ipv4.errno));
  }
  return [
    ...(ipv4 instanceof LibcError ? [] : parseIpv4Routes(ipv4)),
    ...(ipv6 instanceof LibcError ? [] : parseIpv6Routes(libc, ipv6)),
  ];
}

/** Reads `/proc/net/route`. The heading and lines of another shape are passed over. */
export function parseIpv4Routes(text: string): Ipv4Route[] {
  const line =
    /^(\S+)\t([\dA-F]{8})\t([\dA-F]{8})\t([\dA-F]+)\t(-?\d+)\t(\d+)\t(-?\d+)\t([\dA-F]{8})\t(-?\d+)\t(\d+)\t(\d+)\s*$/i;
  return matchingLines(text, line).map((fields) => ({
    version: 4,
    interface: fields[0] ?? "",
    destination: ipv4Address(fields[1] ?? ""),
    gateway: ipv4Address(fields[2] ?? ""),
    flags: BigInt(`0x${fields[3]}`),
    references: Number(fields[4]),
    use: Number(fields[5]),
    metric: Number(fields[6]),
    mask: ipv4Address(fields[7] ?? ""),
    mtu: Number(fields[8]),
    window: Number(fields[9]),
    irtt: Number(fields[10]),
  }));
}

/** Reads `/proc/net/ipv6_route`, all numbers of which are hex. Other lines are passed over. */
export function parseIpv6Routes(libc: Libc, text: string): Ipv6Route[] {
  const address = "([\\da-f]{32}) ([\\da-f]{2})";
  const number = "([\\da-f]{8})";
  const line = new RegExp(
    `^${address} ${address} ([\\da-f]{32}) ${number} ${number} ${number} ${number} +(\\S+)\\s*$`,
    "i",
  );
  return matchingLines(text, line).map((fields) => ({
    version: 6,
    destination: formatIpv6(libc, hexBytes(fields[0] ?? "")),
    destinationPrefix: Number(`0x${fields[1]}`),
    source: formatIpv6(libc, hexBytes(fields[2] ?? "")),
    sourcePrefix: Number(`0x${fields[3]}`),
    nextHop: formatIpv6(libc, hexBytes(fields[4] ?? "")),
    metric: Number(`0x${fields[5]}`),
    references: Number(`0x${fields[6]}`),
    use: Number(`0x${fields[7]}`),
    flags: BigInt(`0x${fields[8]}`),
    interface: fields[9] ?? "",
  }));
}

function readTable(files: KernelFiles, path: string): string | LibcError {
  try {
    return files.readText(path);
  } catch (error) {
    if (error instanceof LibcError) return error;
    throw error;
  }
}

/** What the groups of a pattern matched, for each line that it fits. */
function matchingLines(text: string, pattern: RegExp): string[][] {
  return text.split("\n").map((line) => pattern.exec(line)?.slice(1) ?? [])
    .filter(({ length }) => length > 0);
}

/** The kernel prints the address as a number of its own byte order, which is little-endian. */
function ipv4Address(hex: string): string {
  return formatIpv4(hexBytes(hex).reverse());
}

function hexBytes(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(hex.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));
}
