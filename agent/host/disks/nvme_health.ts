import { cString, OpenFlag } from "../../linux/libc.ts";
import type { Host } from "../host.ts";
import { type BlockDevice, deviceNode } from "./block_devices.ts";

const NVME_SYMBOLS = {
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32", nonblocking: true },
} as const satisfies Deno.ForeignLibraryInterface;

// linux/nvme_ioctl.h: _IOWR('N', 0x41, struct nvme_admin_cmd).
const NVME_IOCTL_ADMIN_CMD = 0xc048_4e41n;
const COMMAND_SIZE = 72;
const GET_LOG_PAGE = 0x02;
const ALL_NAMESPACES = 0xffff_ffff;
const HEALTH_LOG = 0x02;
const HEALTH_LOG_SIZE = 512;

/** The NVMe log page "SMART / Health Information". Counters have 128 bits. */
export interface NvmeHealth {
  readonly criticalWarning: number;
  /** Kelvin. */
  readonly temperature: number;
  /** Percent, as the next two. */
  readonly availableSpare: number;
  readonly availableSpareThreshold: number;
  readonly percentageUsed: number;
  /** Thousands of 512 bytes. */
  readonly dataUnitsRead: bigint;
  readonly dataUnitsWritten: bigint;
  readonly hostReadCommands: bigint;
  readonly hostWriteCommands: bigint;
  /** Minutes. */
  readonly controllerBusyTime: bigint;
  readonly powerCycles: bigint;
  readonly powerOnHours: bigint;
  readonly unsafeShutdowns: bigint;
  readonly mediaErrors: bigint;
  readonly errorLogEntries: bigint;
}

/**
 * Asks a disk for its health. It runs off the main thread, since a disk may take its time.
 *
 * @param disk an NVMe namespace
 * @returns undefined when its device node cannot be opened or the disk does not answer
 */
export async function readNvmeHealth(
  host: Host,
  disk: BlockDevice,
): Promise<NvmeHealth | undefined> {
  const { libc } = host;
  const path = host.devPath(deviceNode(disk));
  const { open, close } = libc.file;
  const fd = open(cString(path), OpenFlag.RDONLY | OpenFlag.CLOEXEC, 0);
  if (fd < 0) return undefined;
  try {
    // One buffer for both, so that the page lives as long as the call that writes it.
    const memory = new Uint8Array(COMMAND_SIZE + HEALTH_LOG_SIZE);
    const page = memory.subarray(COMMAND_SIZE);
    writeHealthLogCommand(memory, page);
    const { ioctl } = libc.bind(NVME_SYMBOLS);
    const status = await ioctl(fd, NVME_IOCTL_ADMIN_CMD, memory);
    // A positive status is the disk's own error.
    return status === 0 ? parseNvmeHealth(page) : undefined;
  } finally {
    close(fd);
  }
}

/** Reads the log page, of which QAPI shows the first 192 bytes. */
export function parseNvmeHealth(page: Uint8Array<ArrayBuffer>): NvmeHealth {
  const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
  const counter = (offset: number): bigint =>
    view.getBigUint64(offset, true) | (view.getBigUint64(offset + 8, true) << 64n);
  return {
    criticalWarning: view.getUint8(0),
    temperature: view.getUint16(1, true),
    availableSpare: view.getUint8(3),
    availableSpareThreshold: view.getUint8(4),
    percentageUsed: view.getUint8(5),
    dataUnitsRead: counter(32),
    dataUnitsWritten: counter(48),
    hostReadCommands: counter(64),
    hostWriteCommands: counter(80),
    controllerBusyTime: counter(96),
    powerCycles: counter(112),
    powerOnHours: counter(128),
    unsafeShutdowns: counter(144),
    mediaErrors: counter(160),
    errorLogEntries: counter(176),
  };
}

/** struct nvme_admin_cmd of linux/nvme_ioctl.h: asks the disk to write its health to `page`. */
function writeHealthLogCommand(
  command: Uint8Array<ArrayBuffer>,
  page: Uint8Array<ArrayBuffer>,
): void {
  const view = new DataView(command.buffer);
  view.setUint8(0, GET_LOG_PAGE);
  view.setUint32(4, ALL_NAMESPACES, true);
  view.setBigUint64(24, Deno.UnsafePointer.value(Deno.UnsafePointer.of(page)), true);
  view.setUint32(36, page.length, true);
  // The length in words less one stands above the page's number.
  view.setUint32(40, ((page.length / 4 - 1) << 16) | HEALTH_LOG, true);
}
