import { Errno, LibcError } from "../../linux/libc.ts";
import { TableLine } from "../../linux/table_line.ts";
import { lineEnd, wholeLines } from "../../linux/whole_lines.ts";
import type { Host } from "../host.ts";

/** The way out of this network namespace. */
export interface DefaultRoute {
  readonly family: "IPv4" | "IPv6";
  readonly interface: string;
  /** Of IPv4: the gateway as the kernel's number; 0 when there is none, or for IPv6. */
  readonly gateway: number;
}

/** RTF_REJECT of linux/route.h: a route that leads nowhere. */
const REJECT = 0x0200;
const NO_ADDRESS = "0".repeat(32);

/**
 * The default route with the least metric, of IPv4 or else of IPv6, from `/proc/net/route` and
 * `/proc/net/ipv6_route`. Default routes come first there, so that of a long table only the beginning is read.
 *
 * @throws LibcError when a table is there and cannot be read
 */
export function readDefaultRoute(host: Host): DefaultRoute | undefined {
  return first(host, "net/route", readIpv4) ?? first(host, "net/ipv6_route", readIpv6);
}

/** What a line is: a default route with its metric, another one, or none. */
type Line = { readonly route: DefaultRoute; readonly metric: number } | "other" | "none";

function first(
  host: Host,
  name: string,
  readLine: (line: TableLine) => Line,
): DefaultRoute | undefined {
  let best: Exclude<Line, string> | undefined;
  const line = new TableLine();
  try {
    for (const lines of wholeLines(host.files.readChunks(host.procPath(name)))) {
      for (let start = 0; start < lines.length;) {
        const end = lineEnd(lines, start);
        line.read(lines, start, end);
        start = end + 1;
        const found = readLine(line);
        if (found === "none") continue;
        if (found === "other") return best?.route;
        if (best === undefined || found.metric < best.metric) best = found;
      }
    }
  } catch (error) {
    // A kernel without the protocol has no such file.
    if (!(error instanceof LibcError && error.errno === Errno.ENOENT)) throw error;
  }
  return best?.route;
}

function readIpv4(line: TableLine): Line {
  const destination = line.hex(1);
  // The heading.
  if (Number.isNaN(destination)) return "none";
  if (destination !== 0) return "other";
  // 0.0.0.0 with a mask is a network of its own.
  if (line.hex(7) !== 0 || (line.hex(3) & REJECT) !== 0) return "none";
  const route = { family: "IPv4", interface: line.text(0), gateway: line.hex(2) } as const;
  return { route, metric: line.decimal(6) };
}

function readIpv6(line: TableLine): Line {
  const prefix = line.hex(1);
  if (Number.isNaN(prefix)) return "none";
  if (prefix !== 0 || line.text(0) !== NO_ADDRESS) return "other";
  if ((line.hex(8) & REJECT) !== 0) return "none";
  const route = { family: "IPv6", interface: line.text(9), gateway: 0 } as const;
  return { route, metric: line.hex(5) };
}
