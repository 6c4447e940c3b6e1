import type { KernelFiles } from "../../linux/kernel_files.ts";
import { parseSerialPage, parseVendorName } from "./vital_product_data.ts";

// More disks than a machine has at a time: those that are gone are not kept forever.
const MOST_DISKS = 1024;

/** A disk, by its directory in sysfs. */
interface Disk {
  readonly path: string;
}

/**
 * The serial numbers of disks. For some the kernel asks the disk itself, which takes longer than all the
 * rest of its address; it counts the disks that it finds (`diskseq`), so that another one at the same
 * place is told apart.
 */
export class DiskSerials {
  readonly #known = new Map<string, string>();

  /**
   * The serial number that the disk itself tells; undefined when it tells none. `askDrive` asks one of which sysfs
   * has none.
   */
  read(
    files: KernelFiles,
    disk: Disk,
    askDrive: () => string | undefined = () => undefined,
  ): string | undefined {
    const sequence = files.readAttribute(`${disk.path}/diskseq`);
    // Linux has it from 5.15 on.
    if (sequence === undefined) return readSerial(files, disk) ?? askDrive();
    const key = `${disk.path} ${sequence}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const serial = readSerial(files, disk) ?? askDrive();
    if (serial === undefined) return undefined;
    if (this.#known.size >= MOST_DISKS) this.#known.clear();
    this.#known.set(key, serial);
    return serial;
  }
}

/**
 * virtio-blk, NVMe and MMC tell it as text, a USB drive by its USB device, as udev's ID_SERIAL_SHORT has it; SCSI
 * and ATA disks in pages of vital product data.
 */
function readSerial(files: KernelFiles, disk: Disk): string | undefined {
  const [usbDevice] = /^.*\/usb\d+(?:\/\d+-[\d.]+)+(?=\/)/.exec(disk.path) ?? [];
  const usbSerial = usbDevice && files.readAttribute(`${usbDevice}/serial`);
  if (usbSerial) return usbSerial;
  for (const attribute of ["serial", "device/serial"]) {
    const serial = files.readAttribute(`${disk.path}/${attribute}`);
    if (serial !== undefined && serial !== "") return serial;
  }
  return parseSerialPage(readPage(files, `${disk.path}/device/vpd_pg80`)) ??
    parseVendorName(readPage(files, `${disk.path}/device/vpd_pg83`));
}

/** A page of vital product data as sysfs has it; nothing when it has none. */
function readPage(files: KernelFiles, path: string): Uint8Array {
  if (!files.exists(path)) return new Uint8Array();
  return Uint8Array.from(Array.from(files.readChunks(path), (chunk) => [...chunk]).flat());
}
