import { type CpuStatistics, readCpuStatistics } from "../host/cpu_statistics.ts";
import type { Host } from "../host/host.ts";
import { readLoadAverage } from "../host/load_average.ts";
import { readVirtualCpu, readVirtualCpus, switchVirtualCpu } from "../host/virtual_cpus.ts";
import { array, boolean, integer, optional, required, struct } from "../protocol/argument_type.ts";
import { defineCommand } from "../protocol/command.ts";
import type { JsonObject } from "../protocol/json_value.ts";
import { QapiError } from "../protocol/qapi_error.ts";
import type { CommandContext } from "./context.ts";

const LOGICAL_PROCESSOR = struct("GuestLogicalProcessor", {
  "logical-id": required(integer()),
  online: required(boolean()),
  "can-offline": optional(boolean()),
});

/** QAPI guest-get-vcpus. */
export const guestGetVcpus = defineCommand({
  name: "guest-get-vcpus",
  summary: "The node's processors, and which of them are online.",
  since: "1.5",
  arguments: {},
  reply: "value",
  family: "information",
}, (_values, { host }: CommandContext) => {
  const cpus = readVirtualCpus(host);
  if (cpus.length === 0) throw new QapiError("guest reported zero VCPUs");
  return cpus.map(({ id, online, canOffline }) => ({
    "logical-id": id,
    online,
    "can-offline": canOffline,
  }));
});

/**
 * QAPI guest-set-vcpus. It stops at the first processor that fails, and answers how many it went
 * through; only when that is none it fails.
 */
export const guestSetVcpus = defineCommand({
  name: "guest-set-vcpus",
  summary: "Takes processors of the node online or offline; the host's /sys must be writable.",
  since: "1.5",
  arguments: { vcpus: required(array(LOGICAL_PROCESSOR)) },
  reply: "value",
  family: "set",
}, ({ vcpus }, { host }: CommandContext) => {
  let processed = 0;
  for (const { "logical-id": id, online } of vcpus) {
    try {
      setVirtualCpu(host, id, online);
    } catch (error) {
      if (processed === 0) throw error;
      break;
    }
    processed++;
  }
  return processed;
});

/** QAPI guest-get-cpustats. */
export const guestGetCpustats = defineCommand({
  name: "guest-get-cpustats",
  summary: "The time that each processor of the node has spent on what, in milliseconds.",
  since: "7.1",
  arguments: {},
  reply: "value",
  family: "information",
}, (_values, { host }: CommandContext) => readCpuStatistics(host).map(statisticsReply));

/** QAPI guest-get-load. */
export const guestGetLoad = defineCommand({
  name: "guest-get-load",
  summary: "The node's load averages of the last 1, 5 and 15 minutes.",
  since: "10.0",
  arguments: {},
  reply: "value",
  family: "information",
}, (_values, { host }: CommandContext) => {
  const load = readLoadAverage(host);
  if (load === undefined) throw new QapiError("cannot query load average");
  return { load1m: load.oneMinute, load5m: load.fiveMinutes, load15m: load.fifteenMinutes };
});

function setVirtualCpu(host: Host, id: bigint, online: boolean): void {
  const cpu = readVirtualCpu(host, id);
  if (cpu.online === online) return;
  if (!cpu.canOffline) throw new QapiError(`logical processor #${id} can't be offlined`);
  switchVirtualCpu(host, id, online);
}

function statisticsReply(times: CpuStatistics): JsonObject {
  return {
    type: "linux",
    cpu: times.cpu,
    user: times.user,
    nice: times.nice,
    system: times.system,
    idle: times.idle,
    iowait: times.iowait,
    irq: times.irq,
    softirq: times.softirq,
    steal: times.steal,
    guest: times.guest,
    guestnice: times.guestNice,
  };
}
