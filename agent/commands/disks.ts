import {
  type BlockDevice,
  devicePath,
  isVirtual,
  readDisks,
  readPartitions,
  readSlaves,
} from "../host/disks/block_devices.ts";
import { type DiskAddress, readDiskAddress } from "../host/disks/disk_address.ts";
import type { Host } from "../host/host.ts";
import { Errno } from "../linux/libc.ts";
import { type NvmeHealth, readNvmeHealth } from "../host/disks/nvme_health.ts";
import { defineCommand } from "../protocol/command.ts";
import type { JsonObject } from "../protocol/json_value.ts";
import { QapiError } from "../protocol/qapi_error.ts";
import type { CommandContext } from "./context.ts";

/** QAPI guest-get-disks. Each disk is followed by its partitions. */
export const guestGetDisks = defineCommand({
  name: "guest-get-disks",
  summary: "The node's disks and virtual block devices, and their partitions.",
  since: "5.2",
  arguments: {},
  reply: "value",
  family: "information",
  mayTakeLong: true,
}, async (_values, { host }: CommandContext) => {
  const { files, libc } = host;
  if (!files.exists(host.sysPath("block"))) {
    throw new QapiError(`Can't open directory "/sys/block": ${libc.explain(Errno.ENOENT)}`);
  }
  const replies: JsonObject[] = [];
  for (const disk of readDisks(host)) {
    replies.push(await diskReply(host, disk));
    for (const partition of readPartitions(host, disk)) {
      replies.push({
        name: devicePath(partition),
        partition: true,
        dependencies: [devicePath(disk)],
      });
    }
  }
  return replies;
});

/** QAPI GuestDiskAddress. */
export function diskAddressReply(address: DiskAddress): JsonObject {
  const { pciController, serial } = address;
  return {
    // The schema wants the member also where there is none.
    "pci-controller": pciController === undefined
      ? { domain: -1, bus: -1, slot: -1, function: -1 }
      : { ...pciController },
    "bus-type": address.busType,
    bus: address.bus,
    target: address.target,
    unit: address.unit,
    serial,
    dev: address.device,
  };
}

async function diskReply(host: Host, disk: BlockDevice): Promise<JsonObject> {
  const { files } = host;
  const slaves = readSlaves(host, disk);
  const alias = files.readAttribute(`${disk.path}/dm/name`);
  const address = isVirtual(disk) ? undefined : readDiskAddress(host, disk);
  const health = address?.busType === "nvme" ? await readNvmeHealth(host, disk) : undefined;
  return {
    name: devicePath(disk),
    partition: false,
    dependencies: slaves?.map((slave) => devicePath(slave)),
    address: address && diskAddressReply(address),
    alias,
    smart: health && healthReply(health),
  };
}

/** QAPI GuestDiskSmart. */
function healthReply(health: NvmeHealth): JsonObject {
  return {
    type: "nvme",
    "critical-warning": health.criticalWarning,
    temperature: health.temperature,
    "available-spare": health.availableSpare,
    "available-spare-threshold": health.availableSpareThreshold,
    "percentage-used": health.percentageUsed,
    ...halves("data-units-read", health.dataUnitsRead),
    ...halves("data-units-written", health.dataUnitsWritten),
    ...halves("host-read-commands", health.hostReadCommands),
    ...halves("host-write-commands", health.hostWriteCommands),
    ...halves("controller-busy-time", health.controllerBusyTime),
    ...halves("power-cycles", health.powerCycles),
    ...halves("power-on-hours", health.powerOnHours),
    ...halves("unsafe-shutdowns", health.unsafeShutdowns),
    ...halves("media-errors", health.mediaErrors),
    ...halves("number-of-error-log-entries", health.errorLogEntries),
  };
}

function halves(name: string, counter: bigint): JsonObject {
  return {
    [`${name}-lo`]: BigInt.asUintN(64, counter),
    [`${name}-hi`]: counter >> 64n,
  };
}
