import type { Steps } from "../../steps.ts";
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
 * `/proc/net/ipv6_route`. IPv4's come first there, so that of a long table only the beginning is read; IPv6's come
 * behind those to other networks.
 *
 * @throws LibcError when a table is there and cannot be read
 */
export function* readDefaultRoute(host: Host): Steps<DefaultRoute | undefined> {
  return (yield* first(host, "net/route", readIpv4)) ??
    (yield* first(host, "net/ipv6_route", readIpv6));
}

/** What a line is: a default route with its metric, one behind which there are no default routes, or another. */
type Line = { readonly route: DefaultRoute; readonly metric: number } | "last" | "other";

function* first(
  host: Host,
  name: string,
  readLine: (line: TableLine) => Line,
): Steps<DefaultRoute | undefined> {
  let best: Exclude<Line, string> | undefined;
  const line = new TableLine();
  try {
    for (const lines of wholeLines(host.files.readChunks(host.procPath(name)))) {
      for (let start = 0; start < lines.length;) {
        const end = lineEnd(lines, start);
        line.read(lines, start, end);
        start = end + 1;
        const found = readLine(line);
        if (found === "other") continue;
        if (found === "last") return best?.route;
        if (best === undefined || found.metric < best.metric) best = found;
      }
      yield;
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
  if (Number.isNaN(destination)) return "other";
  if (destination !== 0) return "last";
  // 0.0.0.0 with a mask is a network of its own.
  if (line.hex(7) !== 0 || (line.hex(3) & REJECT) !== 0) return "other";
  const route = { family: "IPv4", interface: line.text(0), gateway: line.hex(2) } as const;
  return { route, metric: line.decimal(6) };
}

function readIpv6(line: TableLine): Line {
  if (line.hex(1) !== 0 || line.text(0) !== NO_ADDRESS) return "other";
  if ((line.hex(8) & REJECT) !== 0) return "other";
  const route = { family: "IPv6", interface: line.text(9), gateway: 0 } as const;
  return { route, metric: line.hex(5) };
}
