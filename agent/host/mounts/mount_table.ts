import type { Steps } from "../../steps.ts";
import { decodeText } from "../../linux/decode_text.ts";
import type { DeviceNumber } from "../../linux/file_status.ts";
import type { KernelFiles } from "../../linux/kernel_files.ts";
import { MountinfoLine } from "./mountinfo_line.ts";
import { lineEnd, wholeLines } from "../../linux/whole_lines.ts";

/** A mount, as `/proc/PID/mountinfo` tells it (proc_pid_mountinfo(5)). */
export interface Mount {
  /** Where it is mounted as the host sees it, `/` for the root. */
  readonly mountPoint: string;
  /** The same place as the agent reaches it. */
  readonly path: string;
  /** The directory of the file system that is mounted: `/`, or another for a bind mount. */
  readonly root: string;
  /** What holds the file system; major 0 when that is not a block device. */
  readonly device: DeviceNumber;
  readonly fileSystemType: string;
  /** What was mounted, such as `/dev/vda6`. */
  readonly source: string;
  /** Whether the file system is read-only for all its mounts: a squashfs, an ISO 9660 image. */
  readonly readOnly: boolean;
}

/** Says of a mount point, as the host sees it, whether its mount is asked for. */
export type MountPointFilter = (mountPoint: string) => boolean;

/** A mount of a block device, and which of the table's places is its own. */
interface FoundMount {
  readonly mount: Mount;
  readonly index: number;
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

// The kernel has 20 bits for the minor number.
const MINORS = 2 ** 20;
// Stands for the parent of the mounts whose parent the process does not see.
const UNSEEN = -1;
const FIRST_PLACES = 256;
const FIRST_PATHS = 16 * 1024;
// Of a place: the mount's number, its parent's, and where its mount point begins and ends in the paths.
const ID = 0;
const PARENT = 1;
const START = 2;
const END = 3;
const PLACE_SIZE = 4;

/**
 * The host's mounts of block devices, and all of btrfs, whose device number is none of a block device,
 * that can be reached by their paths, in the kernel's order. A mount that another one hides, at its mount
 * point or above, is left out: opening its path would lead to the other one.
 *
 * The table is that of the agent's own mount namespace, since the paths are opened in it. So it is
 * read from the agent's own `/proc`, and not through `--path-procfs`: the tree mounted there can
 * belong to a PID namespace that does not know the agent, and then it has no `self`. It names the
 * mounts of the host where they are below `rootfs`; all others are the container's own.
 *
 * @param rootfs what is `/` on the host, without symbolic links
 * @param wanted which of them to give. A mount that is not asked for hides others all the same, and the
 *   first one of each device is given in any case: it reports the order in which devices were mounted
 * @param mountinfo the table; another one in tests
 * @throws LibcError when the table cannot be read
 */
export function readMountTable(
  files: KernelFiles,
  rootfs: string,
  wanted: MountPointFilter,
  mountinfo = "/proc/self/mountinfo",
): Steps<Mount[]> {
  return parseMountinfo(files.readChunks(mountinfo), rootfs, wanted);
}

/** `readMountTable` of the bytes of a table. Lines of another shape are passed over. */
export function* parseMountinfo(
  chunks: Iterable<Uint8Array>,
  rootfs: string,
  wanted: MountPointFilter,
): Steps<Mount[]> {
  using table = new MountTable(rootfs, wanted);
  for (const lines of wholeLines(chunks)) {
    table.add(lines);
    yield;
  }
  return table.mounts();
}

/** What is mounted at a path, and whether it hears of later mounts on the host. */
export interface MountedTree {
  readonly fileSystemType: string;
  /**
   * `shared` and `slave` mounts get what is mounted below them later (mount_namespaces(7)); to
   * `private` ones the agent's own are added only.
   */
  readonly propagation: "shared" | "slave" | "private";
}

/**
 * The mount at a path itself, the topmost one; undefined when the path is not a mount point.
 *
 * @param path without symbolic links
 * @param mountinfo the table; another one in tests
 * @throws LibcError when the table cannot be read
 */
export function readMountedTree(
  files: KernelFiles,
  path: string,
  mountinfo = "/proc/self/mountinfo",
): MountedTree | undefined {
  const line = new MountinfoLine();
  let tree: MountedTree | undefined;
  for (const lines of wholeLines(files.readChunks(mountinfo))) {
    for (let start = 0; start < lines.length;) {
      const end = lineEnd(lines, start);
      if (line.read(lines, start, end) && line.mountPoint() === path) {
        tree = { fileSystemType: line.fileSystemType(), propagation: propagation(line.tags()) };
      }
      start = end + 1;
    }
  }
  return tree;
}

function propagation(tags: readonly string[]): MountedTree["propagation"] {
  const has = (tag: string) => tags.some((candidate) => candidate.startsWith(tag));
  return has("shared:") ? "shared" : has("master:") ? "slave" : "private";
}

/** What is known of a table as it is read. */
class MountTable implements Disposable {
  readonly #rootfs: string;
  readonly #wanted: MountPointFilter;
  readonly #line = new MountinfoLine();
  readonly #places = new MountPlaces();
  readonly #devices = new Set<number>();
  readonly #found: FoundMount[] = [];

  constructor(rootfs: string, wanted: MountPointFilter) {
    this.#rootfs = rootfs;
    this.#wanted = wanted;
  }

  /** Takes some whole lines in. */
  add(lines: Uint8Array): void {
    const line = this.#line;
    for (let start = 0; start < lines.length;) {
      const end = lineEnd(lines, start);
      if (line.read(lines, start, end)) {
        const index = this.#places.add(line, lines);
        if (line.isOnBlockDevice()) this.#addMount(line, index);
      }
      start = end + 1;
    }
  }

  /** Those that are asked for and can be reached. */
  mounts(): Mount[] {
    const places = this.#places;
    const lookUp = places.lookup(this.#found.map(({ index }) => places.path(index)));
    return this.#found.filter(({ index }) => lookUp(places.path(index)) === index)
      .map(({ mount }) => mount);
  }

  [Symbol.dispose](): void {
    this.#places[Symbol.dispose]();
  }

  #addMount(line: MountinfoLine, index: number): void {
    const path = line.mountPoint();
    const mountPoint = withoutPrefix(path, this.#rootfs);
    if (mountPoint === undefined) return;
    if (!this.#isFirst(line) && !this.#wanted(mountPoint)) return;
    const mount = {
      mountPoint,
      path,
      root: line.root(),
      device: { major: line.major, minor: line.minor },
      fileSystemType: line.fileSystemType(),
      source: line.source(),
      readOnly: line.isReadOnly(),
    };
    this.#found.push({ mount, index });
  }

  /** Whether no mount of the line's device was there before; now there was one. */
  #isFirst({ major, minor }: MountinfoLine): boolean {
    const before = this.#devices.size;
    this.#devices.add(major * MINORS + minor);
    return this.#devices.size > before;
  }
}

/**
 * Where everything is mounted, whatever it is: that decides which mounts are hidden. A node has thousands
 * of mounts in memory and overlays, so of each there are four numbers and the bytes of its path, outside
 * of V8's heap, which are given back at once.
 */
class MountPlaces implements Disposable {
  #count = 0;
  #places = new Int32Array(PLACE_SIZE * FIRST_PLACES);
  #pathsEnd = 0;
  #paths = new Uint8Array(FIRST_PATHS);

  /** Adds the place of a line of these bytes, and gives its index. */
  add(line: MountinfoLine, bytes: Uint8Array): number {
    const { mountPointStart, mountPointEnd } = line;
    const start = this.#pathsEnd;
    const end = start + mountPointEnd - mountPointStart;
    while (end > this.#paths.length) {
      this.#paths = new Uint8Array(this.#paths.buffer.transfer(2 * this.#paths.length));
    }
    const place = PLACE_SIZE * this.#count;
    if (place === this.#places.length) {
      this.#places = new Int32Array(this.#places.buffer.transfer(2 * this.#places.byteLength));
    }
    const paths = this.#paths;
    // Paths are short: a loop takes less than a view of them.
    for (let index = start; index < end; index++) {
      paths[index] = bytes[mountPointStart + index - start] ?? 0;
    }
    this.#pathsEnd = end;
    this.#places[place + ID] = line.id;
    this.#places[place + PARENT] = line.parent;
    this.#places[place + START] = start;
    this.#places[place + END] = end;
    return this.#count++;
  }

  /** The path of a place, as the kernel has escaped it. */
  path(index: number): string {
    const start = this.#field(index, START);
    return decodeText(decoder, this.#paths, start, this.#field(index, END));
  }

  /** What finds the place to which the kernel comes when it looks one of these paths up. */
  lookup(paths: readonly string[]): (path: string) => number | undefined {
    const onTheWay = this.#placesAt(new Set(paths.flatMap(prefixes)));
    const last = this.#lastWithId(onTheWay);
    const key = (parent: number, path: string): string => `${parent} ${path}`;
    const byPlace = new Map<string, number>();
    for (const index of onTheWay) {
      const id = this.#field(index, ID);
      // The table can change while it is read, and a number be given to another mount.
      if (last.get(id) !== index) continue;
      const parent = this.#field(index, PARENT);
      const seen = parent !== id && last.get(parent) !== undefined;
      byPlace.set(key(seen ? parent : UNSEEN, this.path(index)), index);
    }
    return (path) => {
      let found: number | undefined;
      for (const prefix of prefixes(path)) {
        for (;;) {
          const parent = found === undefined ? UNSEEN : this.#field(found, ID);
          // A mount that covers another whole one has the covered one as its parent.
          const covering = byPlace.get(key(parent, prefix));
          if (covering === undefined) break;
          found = covering;
        }
      }
      return found;
    };
  }

  [Symbol.dispose](): void {
    this.#places.buffer.transfer(0);
    this.#paths.buffer.transfer(0);
  }

  /** The places that are at one of these paths. Most have another length than each of them. */
  #placesAt(paths: ReadonlySet<string>): number[] {
    const lengths = new Set(Array.from(paths, (path) => encoder.encode(path).length));
    const result: number[] = [];
    for (let index = 0; index < this.#count; index++) {
      const length = this.#field(index, END) - this.#field(index, START);
      if (lengths.has(length) && paths.has(this.path(index))) result.push(index);
    }
    return result;
  }

  /** The last place with the number of one of these or of its parent, by number. */
  #lastWithId(indices: readonly number[]): Map<number, number | undefined> {
    const last = new Map<number, number | undefined>();
    for (const index of indices) {
      last.set(this.#field(index, ID), undefined);
      last.set(this.#field(index, PARENT), undefined);
    }
    for (let index = 0; index < this.#count; index++) {
      const id = this.#field(index, ID);
      if (last.has(id)) last.set(id, index);
    }
    return last;
  }

  #field(index: number, field: number): number {
    return this.#places[PLACE_SIZE * index + field] ?? 0;
  }
}

/** `/`, `/a`, `/a/b` for `/a/b`. */
function prefixes(path: string): string[] {
  const result = ["/"];
  if (path === "/") return result;
  for (let end = path.indexOf("/", 1); end > 0; end = path.indexOf("/", end + 1)) {
    result.push(path.slice(0, end));
  }
  result.push(path);
  return result;
}

function withoutPrefix(path: string, rootfs: string): string | undefined {
  if (rootfs === "/") return path;
  if (path === rootfs) return "/";
  return path.startsWith(`${rootfs}/`) ? path.slice(rootfs.length) : undefined;
}
