import {
  type DiskStatistics,
  readDiskStatistics,
  type RequestCounters,
} from "../host/disks/disk_statistics.ts";
import { defineCommand } from "../protocol/command.ts";
import type { JsonObject } from "../protocol/json_value.ts";
import type { CommandContext } from "./context.ts";

/** QAPI guest-get-diskstats. */
export const guestGetDiskstats = defineCommand({
  name: "guest-get-diskstats",
  summary: "The counters of the node's block devices, loops and RAM disks included.",
  since: "7.1",
  arguments: {},
  reply: "value",
  family: "information",
}, (_values, { host }: CommandContext) =>
  readDiskStatistics(host).map((disk) => ({
    name: disk.name,
    major: disk.major,
    minor: disk.minor,
    stats: statisticsReply(disk),
  })));

function statisticsReply(disk: DiskStatistics): JsonObject {
  return {
    ...requestCounters("read", disk.read),
    ...requestCounters("write", disk.write),
    "ios-pgr": disk.inProgress,
    "total-ticks": disk.totalTicks,
    "weight-ticks": disk.weightTicks,
    ...requestCounters("discard", disk.discard),
    "flush-ios": disk.flushIos,
    "flush-ticks": disk.flushTicks,
  };
}

function requestCounters(kind: string, counters: RequestCounters): JsonObject {
  return {
    [`${kind}-ios`]: counters.ios,
    [`${kind}-merges`]: counters.merges,
    [`${kind}-sectors`]: counters.sectors,
    [`${kind}-ticks`]: counters.ticks,
  };
}
