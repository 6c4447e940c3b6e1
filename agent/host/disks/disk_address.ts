import { type BlockDevice, devicePath, diskOf, isVirtual, readSlaves } from "./block_devices.ts";
import type { Host } from "../host.ts";
import { readOpticalSerial } from "./optical_serial.ts";
import type { KernelFiles } from "../../linux/kernel_files.ts";

/** How a disk is attached: those of QAPI GuestDiskBusType that the agent can tell. */
export type DiskBus = "ide" | "scsi" | "virtio" | "usb" | "sata" | "nvme" | "unknown";

/** The place of a device on the PCI bus. */
export interface PciAddress {
  readonly domain: number;
  readonly bus: number;
  readonly slot: number;
  readonly function: number;
}

/** Where the hypervisor knows a disk. */
export interface DiskAddress {
  /** The disk's controller, or the disk itself; undefined when it is on another bus. */
  readonly pciController: PciAddress | undefined;
  readonly busType: DiskBus;
  /** IDE channel, or SCSI channel. */
  readonly bus: number;
  /** SCSI target. */
  readonly target: number;
  /** SCSI logical unit, SATA port, or 0 and 1 for IDE's master and slave. */
  readonly unit: number;
  /** The serial number that the disk itself tells. */
  readonly serial: string | undefined;
  /** The path of the device's node, such as `/dev/vda1`. */
  readonly device: string;
}

/** What the path in sysfs says about the way to a disk. */
interface Attachment {
  readonly pciController?: PciAddress;
  readonly busType: DiskBus;
  readonly bus?: number;
  readonly target?: number;
  readonly unit?: number;
}

/**
 * The addresses of the disks that a block device is on: one for a partition or a disk, those of all
 * members for a device mapper or a RAID, none for a device in memory or in a file.
 */
export function readDiskAddresses(host: Host, device: BlockDevice): DiskAddress[] {
  if (!isVirtual(device)) return [readDiskAddress(host, device)];
  const slaves = readSlaves(host, device) ?? [];
  return slaves.flatMap((slave) => readDiskAddresses(host, slave));
}

/** The address of a disk or of a partition's disk, from the path of its device in sysfs. */
export function readDiskAddress(host: Host, device: BlockDevice): DiskAddress {
  const { files, diskSerials } = host;
  const found = attachment(files, controllerPath(files, device.path));
  const disk = diskOf(host, device);
  const isOptical = /^sr\d+$/.test(disk.name);
  return {
    pciController: found.pciController,
    busType: found.busType,
    bus: found.bus ?? 0,
    target: found.target ?? 0,
    unit: found.unit ?? 0,
    serial: diskSerials.read(
      files,
      disk,
      () => isOptical ? readOpticalSerial(host, disk) : undefined,
    ),
    device: devicePath(device),
  };
}

function attachment(files: KernelFiles, path: string): Attachment {
  for (const { address, directory } of pciDevices(path)) {
    const driver = files.readLink(`${directory}/driver`) ?? "";
    const found = behindController(
      files,
      path,
      directory,
      driver.slice(driver.lastIndexOf("/") + 1),
    );
    // A bridge, for one, is not what the hypervisor calls the disk's controller.
    if (found !== undefined) return { ...found, pciController: address };
  }
  // Without PCI: virtio-mmio.
  return /\/virtio\d+\//.test(path) ? onVirtio(path) : { busType: "unknown" };
}

/**
 * The path of a device by way of its controller: an NVMe namespace that can have several paths (native
 * multipath) lies below its subsystem, which has links to its controllers. The first one stands for all.
 */
function controllerPath(files: KernelFiles, path: string): string {
  const [, subsystem, rest] = /^(.*\/nvme-subsystem\/[^/]+)(\/.*)$/.exec(path) ?? [];
  if (subsystem === undefined) return path;
  for (const name of files.list(subsystem).filter((name) => /^nvme\d+$/.test(name))) {
    const target = files.readLink(`${subsystem}/${name}`);
    if (target === undefined) continue;
    const { pathname } = new URL(target, `file://${subsystem}/`);
    return `${decodeURIComponent(pathname)}${rest}`;
  }
  return path;
}

/** The PCI devices that the path goes through, from the root of the bus on. */
function pciDevices(path: string): { address: PciAddress; directory: string }[] {
  const pattern = /\/([0-9a-f]{4,}):([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])(?=\/)/g;
  return Array.from(path.matchAll(pattern), (match) => ({
    address: {
      domain: hexadecimal(match[1]),
      bus: hexadecimal(match[2]),
      slot: hexadecimal(match[3]),
      function: hexadecimal(match[4]),
    },
    directory: path.slice(0, match.index + match[0].length),
  }));
}

/** Undefined when the driver is not that of a disk controller whose numbers are known. */
function behindController(
  files: KernelFiles,
  path: string,
  directory: string,
  driver: string,
): Attachment | undefined {
  switch (driver) {
    case "virtio-pci":
      return onVirtio(path);
    case "ata_piix": {
      // One host for each channel.
      const channel = portIndex(files, path, directory);
      const scsi = scsiAddress(path);
      if (channel === undefined || scsi === undefined) return undefined;
      return { busType: "ide", bus: channel, unit: scsi.target };
    }
    case "ahci": {
      // One host for each port.
      const port = portIndex(files, path, directory);
      return port === undefined ? undefined : { busType: "sata", unit: port };
    }
    case "sym53c8xx": {
      const scsi = scsiAddress(path);
      return scsi === undefined ? undefined : { busType: "scsi", unit: scsi.target };
    }
    case "nvme":
      return { busType: "nvme" };
    case "xhci_hcd":
    case "ehci-pci":
      return { busType: "usb" };
    default:
      return undefined;
  }
}

/** virtio-scsi has SCSI targets, virtio-blk is one disk. */
function onVirtio(path: string): Attachment {
  const scsi = scsiAddress(path);
  if (scsi === undefined) return { busType: "virtio" };
  return { busType: "scsi", bus: scsi.channel, target: scsi.target, unit: scsi.unit };
}

/** The part `targetH:C:T/H:C:T:L` of the path. */
function scsiAddress(path: string): { channel: number; target: number; unit: number } | undefined {
  const match = /\/target\d+:\d+:\d+\/\d+:(\d+):(\d+):(\d+)(?:\/|$)/.exec(path);
  if (match === null) return undefined;
  return { channel: Number(match[1]), target: Number(match[2]), unit: Number(match[3]) };
}

/**
 * Which of the controller's ports the path goes through: Linux counts ports over all controllers, the
 * hypervisor those of each.
 */
function portIndex(files: KernelFiles, path: string, directory: string): number | undefined {
  const [, port, kind] = /^\/((ata|host)\d+)\//.exec(path.slice(directory.length)) ?? [];
  if (port === undefined || kind === undefined) return undefined;
  const ports = files.list(directory)
    .filter((name) => name.startsWith(kind) && /^\d+$/.test(name.slice(kind.length)))
    .sort((one, other) => Number(one.slice(kind.length)) - Number(other.slice(kind.length)));
  return ports.indexOf(port);
}

function hexadecimal(digits = ""): number {
  return Number.parseInt(digits, 16);
}
