import type { Host } from "../host/host.ts";
import {
  type InterfaceSelection,
  type NetworkInterface,
  readNetworkInterfaces,
} from "../host/network/interfaces.ts";
import { type Ipv4Route, type Ipv6Route, readRoutes } from "../host/network/routes.ts";
import type { LinkStatistics } from "../linux/rtnetlink.ts";
import { defineListCommand } from "../protocol/command.ts";
import type { ItemStep } from "../protocol/json_items.ts";
import type { JsonObject } from "../protocol/json_value.ts";
import type { CommandContext } from "./context.ts";

/** QAPI guest-network-get-interfaces. */
export const guestNetworkGetInterfaces = defineListCommand(
  {
    name: "guest-network-get-interfaces",
    summary:
      "The node's network interfaces with addresses and counters, its own address first, without " +
      "those that only the cluster network sees.",
    since: "1.1",
    arguments: {},
    reply: "value",
    family: "information",
  },
  (_values, { host, interfaces }: CommandContext) => interfaceReplies(host, interfaces),
);

/** QAPI guest-network-get-route. */
export const guestNetworkGetRoute = defineListCommand(
  {
    name: "guest-network-get-route",
    summary: "The node's routes, those of the cluster network included.",
    since: "9.1",
    arguments: {},
    reply: "value",
    family: "information",
  },
  (_values, { host }: CommandContext) => routeReplies(host),
);

function* interfaceReplies(
  host: Host,
  selection: InterfaceSelection,
): Generator<ItemStep, void, void> {
  for (const entry of yield* readNetworkInterfaces(host, selection)) yield [interfaceReply(entry)];
}

function* routeReplies(host: Host): Generator<ItemStep, void, void> {
  for (const routes of readRoutes(host)) {
    yield routes.map((route) =>
      route.version === 4 ? ipv4RouteReply(route) : ipv6RouteReply(route)
    );
  }
}

function interfaceReply(entry: NetworkInterface): JsonObject {
  return {
    name: entry.name,
    "hardware-address": entry.hardwareAddress,
    "ip-addresses": entry.addresses.length === 0
      ? undefined
      : entry.addresses.map(({ family, address, prefix }) => ({
        "ip-address": address,
        "ip-address-type": family === "IPv4" ? "ipv4" : "ipv6",
        prefix,
      })),
    statistics: entry.statistics && statisticsReply(entry.statistics),
  };
}

function statisticsReply(statistics: LinkStatistics): JsonObject {
  return {
    "rx-bytes": statistics.rxBytes,
    "rx-packets": statistics.rxPackets,
    "rx-errs": statistics.rxErrors,
    "rx-dropped": statistics.rxDropped,
    "tx-bytes": statistics.txBytes,
    "tx-packets": statistics.txPackets,
    "tx-errs": statistics.txErrors,
    "tx-dropped": statistics.txDropped,
  };
}

function ipv4RouteReply(route: Ipv4Route): JsonObject {
  return {
    iface: route.interface,
    destination: route.destination,
    metric: route.metric,
    gateway: route.gateway,
    mask: route.mask,
    irtt: route.irtt,
    flags: route.flags,
    refcnt: route.references,
    use: route.use,
    window: route.window,
    mtu: route.mtu,
    version: 4,
  };
}

/** The schema has the lengths of prefixes as strings. */
function ipv6RouteReply(route: Ipv6Route): JsonObject {
  return {
    iface: route.interface,
    destination: route.destination,
    metric: route.metric,
    flags: route.flags,
    refcnt: route.references,
    use: route.use,
    desprefixlen: `${route.destinationPrefix}`,
    source: route.source,
    srcprefixlen: `${route.sourcePrefix}`,
    nexthop: route.nextHop,
    version: 6,
  };
}
