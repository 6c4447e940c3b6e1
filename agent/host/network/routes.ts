import type { Host } from "../host.ts";
import { Errno, LibcError } from "../../linux/libc.ts";
import { TableLine } from "../../linux/table_line.ts";
import { lineEnd, wholeLines } from "../../linux/whole_lines.ts";

const IPV4_FIELDS = 11;
const IPV6_FIELDS = 10;

/** A route of the IPv4 table. */
export interface Ipv4Route {
  readonly version: 4;
  readonly interface: string;
  readonly destination: string;
  readonly gateway: string;
  readonly mask: string;
  /** RTF_* of linux/route.h. */
  readonly flags: number;
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
  readonly flags: number;
  readonly references: number;
  readonly use: number;
  readonly metric: number;
}

/** Routes as they are read, some at a time. */
export type RouteSteps<Route = Ipv4Route | Ipv6Route> = Generator<readonly Route[], void, void>;

/**
 * The routes of this network namespace, IPv4 first, from `/proc/net/route` and
 * `/proc/net/ipv6_route`, as they are read. A kernel without one of the two protocols has the other's
 * routes.
 *
 * @throws LibcError when there is neither file, in the words of qemu-ga, or one cannot be read
 */
export function* readRoutes(host: Host): RouteSteps {
  const path = host.procPath("net/route");
  const ipv6Path = host.procPath("net/ipv6_route");
  const noIpv4 = yield* routesOfFile(parseIpv4Routes(host.files.readChunks(path)));
  const noIpv6 = yield* routesOfFile(parseIpv6Routes(host.files.readChunks(ipv6Path)));
  if (noIpv4 !== undefined && noIpv6 !== undefined) {
    throw new LibcError(`open("${host.shown(path)}")`, noIpv4.errno, noIpv4.explanation);
  }
}

/** Hands the routes on; gives the error of a file that is not there. */
function* routesOfFile<Route>(
  routes: RouteSteps<Route>,
): Generator<readonly Route[], LibcError | undefined, void> {
  try {
    yield* routes;
    return undefined;
  } catch (error) {
    if (error instanceof LibcError && error.errno === Errno.ENOENT) return error;
    throw error;
  }
}

/** Reads `/proc/net/route`. The heading and lines of another shape are passed over. */
export function parseIpv4Routes(chunks: Iterable<Uint8Array>): RouteSteps<Ipv4Route> {
  return parseTable(chunks, ipv4Route);
}

/** Reads `/proc/net/ipv6_route`, all numbers of which are hex. Other lines are passed over. */
export function parseIpv6Routes(chunks: Iterable<Uint8Array>): RouteSteps<Ipv6Route> {
  return parseTable(chunks, ipv6Route);
}

function* parseTable<Route>(
  chunks: Iterable<Uint8Array>,
  readRoute: (line: TableLine) => Route | undefined,
): RouteSteps<Route> {
  const line = new TableLine();
  for (const lines of wholeLines(chunks)) yield routesOfLines(lines, line, readRoute);
}

function routesOfLines<Route>(
  lines: Uint8Array,
  line: TableLine,
  readRoute: (line: TableLine) => Route | undefined,
): Route[] {
  const routes: Route[] = [];
  for (let start = 0; start < lines.length;) {
    const end = lineEnd(lines, start);
    line.read(lines, start, end);
    const route = readRoute(line);
    if (route !== undefined) routes.push(route);
    start = end + 1;
  }
  return routes;
}

function ipv4Route(line: TableLine): Ipv4Route | undefined {
  if (line.count !== IPV4_FIELDS) return undefined;
  const destination = line.ipv4(1);
  const gateway = line.ipv4(2);
  const mask = line.ipv4(7);
  if (destination === undefined || gateway === undefined || mask === undefined) return undefined;
  const route: Ipv4Route = {
    version: 4,
    interface: line.text(0),
    destination,
    gateway,
    flags: line.hex(3),
    references: line.decimal(4),
    use: line.decimal(5),
    metric: line.decimal(6),
    mask,
    mtu: line.decimal(8),
    window: line.decimal(9),
    irtt: line.decimal(10),
  };
  const { flags, references, use, metric, mtu, window, irtt } = route;
  // One that is not a number is enough.
  return Number.isNaN(flags + references + use + metric + mtu + window + irtt) ? undefined : route;
}

function ipv6Route(line: TableLine): Ipv6Route | undefined {
  if (line.count !== IPV6_FIELDS) return undefined;
  const destination = line.ipv6(0);
  const source = line.ipv6(2);
  const nextHop = line.ipv6(4);
  if (destination === undefined || source === undefined || nextHop === undefined) return undefined;
  const route: Ipv6Route = {
    version: 6,
    destination,
    destinationPrefix: line.hex(1),
    source,
    sourcePrefix: line.hex(3),
    nextHop,
    metric: line.hex(5),
    references: line.hex(6),
    use: line.hex(7),
    flags: line.hex(8),
    interface: line.text(9),
  };
  const { destinationPrefix, sourcePrefix, flags, references, use, metric } = route;
  const sum = destinationPrefix + sourcePrefix + flags + references + use + metric;
  return Number.isNaN(sum) ? undefined : route;
}
