import { readBlockDevice } from "../host/disks/block_devices.ts";
import { readDiskAddresses } from "../host/disks/disk_address.ts";
import { readFileSystemUsage } from "../host/mounts/file_system_usage.ts";
import { readBlockDeviceMounts } from "../host/mounts/block_device_mounts.ts";
import type { Host } from "../host/host.ts";
import type { Mount } from "../host/mounts/mount_table.ts";
import { defineListCommand } from "../protocol/command.ts";
import type { ItemStep } from "../protocol/json_items.ts";
import type { JsonObject } from "../protocol/json_value.ts";
import type { CommandContext } from "./context.ts";
import { diskAddressReply } from "./disks.ts";

/**
 * QAPI guest-get-fsinfo. It shows the file systems of the machine's own disks, whatever
 * `--fsfreeze-include` and `--fsfreeze-exclude` say: what is not frozen fills up all the same. Volumes of
 * pods are not among them: they are the cluster's, come and go with the pods by the dozen, and asking
 * for the size of one whose storage is gone would hold up the agent, and with it a shutdown.
 */
export const guestGetFsinfo = defineListCommand({
  name: "guest-get-fsinfo",
  summary: "The file systems on the node's disks, their sizes, and the disks they are on.",
  since: "2.2",
  arguments: {},
  reply: "value",
  family: "information",
}, (_values, { host }: CommandContext) => fileSystemReplies(host));

function* fileSystemReplies(host: Host): Generator<ItemStep, void, void> {
  const mounts = yield* readBlockDeviceMounts(host, { include: [], exclude: [] });
  // The last one mounted comes first, as upstream has it; libvirt turns the list around.
  for (const mount of mounts.reverse()) yield [fileSystemReply(host, mount)];
}

/** QAPI GuestFilesystemInfo of a mount. */
export function fileSystemReply(host: Host, mount: Mount): JsonObject {
  const { major, minor } = mount.device;
  const device = readBlockDevice(host, mount.device);
  const usage = readFileSystemUsage(host, mount.path);
  return {
    name: device?.name ?? `${major}:${minor}`,
    mountpoint: mount.mountPoint,
    type: mount.fileSystemType,
    "used-bytes": usage?.used,
    "total-bytes": usage?.total,
    "total-bytes-privileged": usage?.totalPrivileged,
    disk: device === undefined
      ? []
      : readDiskAddresses(host, device).map((address) => diskAddressReply(address)),
  };
}
