import { cString, type Libc } from "./libc.ts";

const STATUS_SYMBOLS = {
  statx: { parameters: ["i32", "buffer", "i32", "u32", "buffer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

const AT_FDCWD = -100;
const AT_NO_AUTOMOUNT = 0x800;
const AT_EMPTY_PATH = 0x1000;
const STATX_TYPE = 0x1;
const STATX_INO = 0x100;
const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const S_IFSOCK = 0o140000;

// struct statx is the same on all architectures, other than struct stat.
const STATX_SIZE = 256;
const MODE_OFFSET = 28;
const INODE_OFFSET = 32;
const RDEV_MAJOR_OFFSET = 128;
const RDEV_MINOR_OFFSET = 132;
const DEV_MAJOR_OFFSET = 136;
const DEV_MINOR_OFFSET = 140;

/** The number of a device: of one that holds a file system, or that a device node stands for. */
export interface DeviceNumber {
  readonly major: number;
  readonly minor: number;
}

/** What a path leads to. */
export interface FileStatus {
  readonly isDirectory: boolean;
  /** The device that a device node stands for; 0:0 for other files. */
  readonly device: DeviceNumber;
}

/** statx(2), links followed; undefined when the path cannot be reached. */
export function fileStatus(libc: Libc, path: string): FileStatus | undefined {
  const status = new Uint8Array(STATX_SIZE);
  const { statx } = libc.bind(STATUS_SYMBOLS);
  if (statx(AT_FDCWD, cString(path), AT_NO_AUTOMOUNT, STATX_TYPE, status) < 0) return undefined;
  const view = new DataView(status.buffer);
  return {
    isDirectory: (view.getUint16(MODE_OFFSET, true) & S_IFMT) === S_IFDIR,
    device: {
      major: view.getUint32(RDEV_MAJOR_OFFSET, true),
      minor: view.getUint32(RDEV_MINOR_OFFSET, true),
    },
  };
}

/** Which file one is: two with the same device and inode are the same. */
export interface FileIdentity {
  readonly kind: "regular" | "socket" | "other";
  /** The device that it lies on. */
  readonly device: DeviceNumber;
  readonly inode: bigint;
}

/**
 * statx(2) of what a descriptor stands for, or a path leads to, links followed; undefined when there is
 * no such file or it cannot be reached.
 */
export function fileIdentity(libc: Libc, file: number | string): FileIdentity | undefined {
  const status = new Uint8Array(STATX_SIZE);
  const { statx } = libc.bind(STATUS_SYMBOLS);
  const [directory, path, flags] = typeof file === "number"
    ? [file, "", AT_EMPTY_PATH]
    : [AT_FDCWD, file, AT_NO_AUTOMOUNT];
  if (statx(directory, cString(path), flags, STATX_TYPE | STATX_INO, status) < 0) return undefined;
  const view = new DataView(status.buffer);
  const type = view.getUint16(MODE_OFFSET, true) & S_IFMT;
  return {
    kind: type === S_IFREG ? "regular" : type === S_IFSOCK ? "socket" : "other",
    device: {
      major: view.getUint32(DEV_MAJOR_OFFSET, true),
      minor: view.getUint32(DEV_MINOR_OFFSET, true),
    },
    inode: view.getBigUint64(INODE_OFFSET, true),
  };
}

/** Whether two are the same file. */
export function isSameFile(one: FileIdentity, other: FileIdentity): boolean {
  return one.inode === other.inode && one.device.major === other.device.major &&
    one.device.minor === other.device.minor;
}
