import type { DeviceNumber } from "../../linux/file_status.ts";
import type { KernelFiles } from "../../linux/kernel_files.ts";
import type { Host } from "../host.ts";

/** A disk, a partition or a virtual block device. */
export interface BlockDevice {
  /** The kernel's name, such as `vda1` or `dm-0`. */
  readonly name: string;
  /** Its directory in sysfs without symbolic links: `.../devices/...`, as the agent reaches it. */
  readonly path: string;
}

/** The block device with this number (`/sys/dev/block/MAJOR:MINOR`); undefined when sysfs has none. */
export function readBlockDevice(
  host: Host,
  { major, minor }: DeviceNumber,
): BlockDevice | undefined {
  return deviceAt(host.files, host.sysPath("dev/block"), `${major}:${minor}`);
}

/**
 * Disks and virtual block devices that have a medium (`/sys/block`), by name, without partitions. A device that
 * the kernel hides, such as one of the paths to an NVMe namespace, has no node in /dev and is none.
 */
export function readDisks(host: Host): BlockDevice[] {
  const { files } = host;
  return devicesIn(files, host.sysPath("block"))
    .filter(({ path }) =>
      Number(files.readAttribute(`${path}/size`) ?? 0) > 0 &&
      files.readAttribute(`${path}/hidden`) !== "1"
    );
}

/** The partitions of a disk in the order of their numbers. */
export function readPartitions({ files }: Host, disk: BlockDevice): BlockDevice[] {
  return files.list(disk.path)
    .filter((name) => name.startsWith(disk.name))
    .map((name) => ({ name, path: `${disk.path}/${name}` }))
    .map((device) => ({ device, number: partitionNumber(files, device) }))
    .filter(({ number }) => number !== undefined)
    .sort((one, other) => Number(one.number) - Number(other.number))
    .map(({ device }) => device);
}

/**
 * The block devices that a virtual one is made of: the volumes below a device mapper or a RAID.
 * Undefined for a device that tells nothing of the kind, such as a partition.
 */
export function readSlaves({ files }: Host, device: BlockDevice): BlockDevice[] | undefined {
  const directory = `${device.path}/slaves`;
  if (!files.exists(directory)) return undefined;
  return devicesIn(files, directory);
}

/** The whole disk that a partition is on; a disk is its own. */
export function diskOf({ files }: Host, device: BlockDevice): BlockDevice {
  if (partitionNumber(files, device) === undefined) return device;
  const path = device.path.slice(0, device.path.lastIndexOf("/"));
  return { name: lastComponent(path), path };
}

/** Whether the device has no hardware of its own: device mapper, RAID, loop, zram. */
export function isVirtual(device: BlockDevice): boolean {
  return device.path.includes("/devices/virtual/block/");
}

/**
 * Whether the device gives unused blocks back to its storage (`queue/discard_max_bytes`), without which no
 * file system on it can be trimmed. One of which sysfs tells nothing is taken to do so.
 */
export function takesDiscards(host: Host, number: DeviceNumber): boolean {
  const device = readBlockDevice(host, number);
  if (device === undefined) return true;
  const { path } = diskOf(host, device);
  return host.files.readAttribute(`${path}/queue/discard_max_bytes`) !== "0";
}

/** The path of the device's node, as the host sees it. */
export function devicePath(device: BlockDevice): string {
  return `/dev/${deviceNode(device)}`;
}

/** The path of the device's node below /dev. In sysfs `!` stands for `/`. */
export function deviceNode(device: BlockDevice): string {
  return device.name.replaceAll("!", "/");
}

function devicesIn(files: KernelFiles, directory: string): BlockDevice[] {
  return files.list(directory)
    .map((name) => deviceAt(files, directory, name))
    .filter((device) => device !== undefined);
}

/** sysfs has relative links to directories, whose paths have no link in them. */
function deviceAt(files: KernelFiles, directory: string, name: string): BlockDevice | undefined {
  const target = files.readLink(`${directory}/${name}`);
  if (target === undefined) return undefined;
  const up = /^(?:\.\.\/)*/.exec(target)?.[0].length ?? 0;
  const base = directory.split("/").slice(0, -up / 3 || undefined).join("/");
  const path = `${base}/${target.slice(up)}`;
  return { name: lastComponent(path), path };
}

function partitionNumber(files: KernelFiles, device: BlockDevice): string | undefined {
  return files.readAttribute(`${device.path}/partition`);
}

function lastComponent(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
