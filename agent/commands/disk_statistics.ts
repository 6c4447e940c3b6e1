import {
  type DiskStatistics,
  parseDiskStatistics,
  type RequestCounters,
} from "../host/disks/disk_statistics.ts";
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
  const reply: Reply = {};
  addRequests(reply, "read", disk.read);
  addRequests(reply, "write", disk.write);
  add(reply, "ios-pgr", disk.inProgress);
  add(reply, "total-ticks", disk.totalTicks);
  add(reply, "weight-ticks", disk.weightTicks);
  addRequests(reply, "discard", disk.discard);
  add(reply, "flush-ios", disk.flushIos);
  add(reply, "flush-ticks", disk.flushTicks);
  return reply;
}

type Reply = Record<string, number | bigint>;

function addRequests(reply: Reply, kind: string, counters: RequestCounters | undefined): void {
  if (counters === undefined) return;
  add(reply, `${kind}-ios`, counters.ios);
  add(reply, `${kind}-merges`, counters.merges);
  add(reply, `${kind}-sectors`, counters.sectors);
  add(reply, `${kind}-ticks`, counters.ticks);
}

function add(reply: Reply, name: string, counter: number | bigint | undefined): void {
  if (counter !== undefined) reply[name] = counter;
}
