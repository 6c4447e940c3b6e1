import { matchesAny } from "../host/name_pattern.ts";
import type { InterfaceStatistics, NetworkInterface } from "../host/network_interfaces.ts";
import { defineCommand } from "../protocol/command.ts";
import type { JsonObject } from "../protocol/json_value.ts";
import type { CommandContext } from "./context.ts";

/** QAPI guest-network-get-interfaces. */
export const guestNetworkGetInterfaces = defineCommand({
  name: "guest-network-get-interfaces",
  summary:
    "The node's network interfaces with addresses and counters, without those that only the " +
    "cluster network sees.",
  since: "1.1",
  arguments: {},
  reply: "value",
  defaultPolicy: { enabled: true },
}, (_values, { host, interfaces }: CommandContext) =>
  host.networkInterfaces()
    .filter(({ name }) => isReported(name, interfaces))
    .map(interfaceReply));

/**
 * Whether an interface is reported: it matches one of the patterns to include, if there are any, and
 * none of those to exclude. `*` and `?` stand for any characters.
 */
export function isReported(
  name: string,
  { include, exclude }: CommandContext["interfaces"],
): boolean {
  if (include.length > 0 && !matchesAny(name, include)) return false;
  return !matchesAny(name, exclude);
}

function interfaceReply(entry: NetworkInterface): JsonObject {
  return {
    name: entry.name,
    ...(entry.hardwareAddress === undefined ? {} : { "hardware-address": entry.hardwareAddress }),
    ...(entry.addresses.length === 0 ? {} : {
      "ip-addresses": entry.addresses.map(({ family, address, prefix }) => ({
        "ip-address": address,
        "ip-address-type": family === "IPv4" ? "ipv4" : "ipv6",
        prefix,
      })),
    }),
    ...(entry.statistics === undefined ? {} : { statistics: statisticsReply(entry.statistics) }),
  };
}

function statisticsReply(statistics: InterfaceStatistics): JsonObject {
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
