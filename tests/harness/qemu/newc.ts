/** A directory in an archive. */
export interface DirectoryEntry {
  readonly kind: "directory";
  /** Path without a leading slash. */
  readonly path: string;
}

/** A file in an archive. */
export interface FileEntry {
  readonly kind: "file";
  /** Path without a leading slash. */
  readonly path: string;
  /** What is in it. */
  readonly body: Uint8Array;
  /** Permission bits, such as 0o755. */
  readonly mode: number;
}

/** A symbolic link in an archive. */
export interface SymlinkEntry {
  readonly kind: "symlink";
  /** Path without a leading slash. */
  readonly path: string;
  /** What the link says. */
  readonly target: string;
}

/** A character device in an archive, for which no `mknod` and no root is needed. */
export interface CharacterDeviceEntry {
  readonly kind: "character-device";
  /** Path without a leading slash. */
  readonly path: string;
  /** Permission bits, such as 0o600. */
  readonly mode: number;
  /** The kernel's number of the driver. */
  readonly major: number;
  /** The driver's number of the device. */
  readonly minor: number;
}

/** One member of an archive; owned by root, all of them. */
export type ArchiveEntry = DirectoryEntry | FileEntry | SymlinkEntry | CharacterDeviceEntry;

const S_IFCHR = 0o020000;
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;

const encoder = new TextEncoder();

/**
 * A cpio archive in the "newc" format, which the kernel unpacks as its initramfs, in pieces to be
 * written one after the other. A directory must come before what is in it.
 */
export function* newcArchive(entries: Iterable<ArchiveEntry>): Generator<Uint8Array> {
  let inode = 1;
  for (const entry of entries) {
    yield* member(inode++, entry.path, modeOf(entry), bodyOf(entry), deviceOf(entry));
  }
  yield* member(0, "TRAILER!!!", 0, new Uint8Array(), [0, 0]);
}

function modeOf(entry: ArchiveEntry): number {
  switch (entry.kind) {
    case "directory":
      return S_IFDIR | 0o755;
    case "file":
      return S_IFREG | entry.mode;
    case "symlink":
      return S_IFLNK | 0o777;
    case "character-device":
      return S_IFCHR | entry.mode;
  }
}

function bodyOf(entry: ArchiveEntry): Uint8Array {
  if (entry.kind === "file") return entry.body;
  return entry.kind === "symlink" ? encoder.encode(entry.target) : new Uint8Array();
}

function deviceOf(entry: ArchiveEntry): [major: number, minor: number] {
  return entry.kind === "character-device" ? [entry.major, entry.minor] : [0, 0];
}

function* member(
  inode: number,
  path: string,
  mode: number,
  body: Uint8Array,
  [major, minor]: [number, number],
): Generator<Uint8Array> {
  const name = encoder.encode(`${path}\0`);
  const links = 1;
  const owner = 0;
  const group = 0;
  const modified = 0;
  const checksum = 0;
  const fields = [
    ...[inode, mode, owner, group, links, modified, body.length],
    ...[0, 0, major, minor, name.length, checksum],
  ];
  const hexadecimal = fields.map((field) => field.toString(16).padStart(8, "0")).join("");
  const magic = encoder.encode(`070701${hexadecimal}`);
  yield magic;
  yield name;
  yield padding(magic.length + name.length);
  yield body;
  yield padding(body.length);
}

/** What is missing to a multiple of four bytes. */
function padding(length: number): Uint8Array {
  return new Uint8Array((4 - length % 4) % 4);
}
