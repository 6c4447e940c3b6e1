import {
  type DiskStatistics,
  parseDiskStatistics,
  type RequestCounters,
} from "../host/disk_statistics.ts";
import { defineCommand } from "../protocol/command.ts";
import type { JsonObject } from "../protocol/json_value.ts";
import type { CommandContext } from "./context.ts";
import { tellKernelErrors } from "./kernel_error.ts";

/** QAPI guest-get-diskstats. */
export const guestGetDiskstats = defineCommand({
  name: "guest-get-diskstats",
  summary: "The counters of the node's block devices, loops and RAM disks included.",
  since: "7.1",
  arguments: {},
  reply: "value",
}, (_values, { host }: CommandContext) =>
  parseDiskStatistics(
    tellKernelErrors(() => host.files.readText(`${host.roots.procfs}/diskstats`)),
  ).map((disk) => ({
    name: disk.name,
    major: disk.major,
    minor: disk.minor,
    stats: statisticsReply(disk),
  })));

function statisticsReply(disk: DiskStatistics): JsonObject {
  return {
    ...requestsReply("read", disk.read),
    ...requestsReply("write", disk.write),
    ...(disk.inProgress === undefined ? {} : { "ios-pgr": disk.inProgress }),
    ...(disk.totalTicks === undefined ? {} : { "total-ticks": disk.totalTicks }),
    ...(disk.weightTicks === undefined ? {} : { "weight-ticks": disk.weightTicks }),
    ...requestsReply("discard", disk.discard),
    ...(disk.flushIos === undefined ? {} : { "flush-ios": disk.flushIos }),
    ...(disk.flushTicks === undefined ? {} : { "flush-ticks": disk.flushTicks }),
  };
}

function requestsReply(kind: string, counters: RequestCounters | undefined): JsonObject {
  if (counters === undefined) return {};
  const { ios, merges, sectors, ticks } = counters;
  return {
    [`${kind}-ios`]: ios,
    ...(merges === undefined ? {} : { [`${kind}-merges`]: merges }),
    [`${kind}-sectors`]: sectors,
    ...(ticks === undefined ? {} : { [`${kind}-ticks`]: ticks }),
  };
}
