import { cString, type Libc, OpenFlag } from "../../linux/libc.ts";
import type { Host } from "../host.ts";
import { type BlockDevice, deviceNode } from "./block_devices.ts";
import {
  fieldText,
  IDENTIFICATION_PAGE,
  parseSerialPage,
  parseVendorName,
  SERIAL_PAGE,
} from "./vital_product_data.ts";

const IOCTL_SYMBOLS = {
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

// linux/hdreg.h: HDIO_GET_IDENTITY, which fills a struct hd_driveid.
const HDIO_GET_IDENTITY = 0x030dn;
const IDENTITY_SIZE = 512;
/** `serial_no`: words 10 to 19, which the kernel gives as text. */
const IDENTITY_SERIAL = { offset: 20, length: 20 };

// scsi/sg.h: SG_IO with a struct sg_io_hdr.
const SG_IO = 0x2285n;
const HEADER_SIZE = 88;
const FROM_DEVICE = -3;
const COMMAND_SIZE = 6;
const PAGE_SIZE = 0xfc;
const SENSE_SIZE = 32;
/** A drive that answers INQUIRY needs no medium for it, and no time. */
const TIMEOUT_MS = 1_000;

/**
 * The serial number of an optical drive, of which the kernel has none in sysfs: out of the identity that it keeps of
 * an ATAPI drive, or from a SCSI drive itself, as udev's ID_SERIAL_SHORT. No tray moves.
 *
 * @returns undefined when its device node cannot be opened, or it tells none
 */
export function readOpticalSerial(host: Host, disk: BlockDevice): string | undefined {
  const { libc } = host;
  const { open, close } = libc.file;
  // Without NONBLOCK the kernel looks for a medium.
  const flags = OpenFlag.RDONLY | OpenFlag.CLOEXEC | OpenFlag.NONBLOCK;
  const fd = open(cString(host.devPath(deviceNode(disk))), flags, 0);
  if (fd < 0) return undefined;
  try {
    const identity = readIdentity(libc, fd);
    if (identity !== undefined) return identity;
    return parseSerialPage(inquire(libc, fd, SERIAL_PAGE)) ??
      parseVendorName(inquire(libc, fd, IDENTIFICATION_PAGE));
  } finally {
    close(fd);
  }
}

/** The serial number of a struct hd_driveid of linux/hdreg.h; undefined when it is empty. */
export function parseIdentitySerial(identity: Uint8Array): string | undefined {
  const { offset, length } = IDENTITY_SERIAL;
  return fieldText(identity.subarray(offset, offset + length));
}

function readIdentity(libc: Libc, fd: number): string | undefined {
  const identity = new Uint8Array(IDENTITY_SIZE);
  const { ioctl } = libc.bind(IOCTL_SYMBOLS);
  return ioctl(fd, HDIO_GET_IDENTITY, identity) === 0 ? parseIdentitySerial(identity) : undefined;
}

/** SPC's INQUIRY for a page of vital product data; nothing when the drive does not have it. */
function inquire(libc: Libc, fd: number, code: number): Uint8Array {
  // One buffer for all, so that what the header points to lives as long as the header.
  const memory = new Uint8Array(HEADER_SIZE + COMMAND_SIZE + SENSE_SIZE + PAGE_SIZE);
  const command = memory.subarray(HEADER_SIZE, HEADER_SIZE + COMMAND_SIZE);
  const sense = memory.subarray(HEADER_SIZE + COMMAND_SIZE, -PAGE_SIZE);
  const page = memory.subarray(-PAGE_SIZE);
  command.set([0x12, 0x01, code, 0, PAGE_SIZE, 0]);
  const header = new DataView(memory.buffer);
  const point = (offset: number, to: Uint8Array<ArrayBuffer>): void =>
    header.setBigUint64(offset, Deno.UnsafePointer.value(Deno.UnsafePointer.of(to)), true);
  header.setInt32(0, "S".charCodeAt(0), true);
  header.setInt32(4, FROM_DEVICE, true);
  header.setUint8(8, command.length);
  header.setUint8(9, sense.length);
  header.setUint32(12, page.length, true);
  point(16, page);
  point(24, command);
  point(32, sense);
  header.setUint32(40, TIMEOUT_MS, true);
  const { ioctl } = libc.bind(IOCTL_SYMBOLS);
  if (ioctl(fd, SG_IO, memory) !== 0) return new Uint8Array();
  // The drive's status, and those of its controller and driver.
  const good = header.getUint8(64) === 0 && header.getUint32(68, true) === 0;
  return good ? page : new Uint8Array();
}
