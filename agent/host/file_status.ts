import { cString, type Libc } from "./libc.ts";

const STATUS_SYMBOLS = {
  statx: { parameters: ["i32", "buffer", "i32", "u32", "buffer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

const AT_FDCWD = -100;
const AT_NO_AUTOMOUNT = 0x800;
const STATX_TYPE = 0x1;
const S_IFMT = 0o170000;
const S_IFDIR = 0o040000;

// struct statx is the same on all architectures, other than struct stat.
const STATX_SIZE = 256;
const MODE_OFFSET = 28;
const RDEV_MAJOR_OFFSET = 128;
const RDEV_MINOR_OFFSET = 132;

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
