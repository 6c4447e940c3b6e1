import type { DeviceNumber } from "./file_status.ts";
import type { KernelFiles } from "./kernel_files.ts";

/** A mount, as `/proc/PID/mountinfo` tells it (proc_pid_mountinfo(5)). */
export interface Mount {
  /** Where it is mounted as the host sees it, `/` for the root. */
  readonly mountPoint: string;
  /** The same place as the agent reaches it. */
  readonly path: string;
  /** The directory of the file system that is mounted: `/`, or another for a bind mount. */
  readonly root: string;
  /** What holds the file system; major 0 when that is no block device. */
  readonly device: DeviceNumber;
  readonly fileSystemType: string;
  /** What was mounted, such as `/dev/vda6`. */
  readonly source: string;
  /** Options of this mount, such as `ro`. */
  readonly options: readonly string[];
  /** Options of the file system, such as `ro`, wherever else it is mounted. */
  readonly superOptions: readonly string[];
}

/** A line of mountinfo: mount points are as the process sees them. */
interface MountinfoEntry extends Omit<Mount, "path"> {
  readonly id: string;
  readonly parent: string;
  /** The optional fields, such as `shared:1`. */
  readonly tags: readonly string[];
}

// Stands for the parent of the mounts whose parent the process does not see.
const UNSEEN = "";

/**
 * The host's mounts of block devices, and all of btrfs, whose device number is none of a block device,
 * that can be reached by their paths, in the kernel's order. A mount that another one hides, at its mount point or above, is left out: opening its path would lead to the other one.
 *
 * The table is that of the agent's own mount namespace, since the paths are opened in it. So it is
 * read from the agent's own `/proc`, and not through `--path-procfs`: the tree mounted there can
 * belong to a PID namespace that does not know the agent, and then it has no `self`. It names the
 * mounts of the host where they are below `rootfs`; all others are the container's own.
 *
 * @param rootfs what is `/` on the host, without symbolic links
 * @param mountinfo the table; another one in tests
 * @throws LibcError when the table cannot be read
 */
export function readMountTable(
  files: KernelFiles,
  rootfs: string,
  mountinfo = "/proc/self/mountinfo",
): Mount[] {
  return parseMountinfo(files.readText(mountinfo), rootfs);
}

/** `readMountTable` of a text. Lines of another shape are passed over. */
export function parseMountinfo(text: string, rootfs: string): Mount[] {
  const byId = new Map<string, MountinfoEntry>();
  for (const line of text.split("\n")) {
    const entry = parseLine(line);
    if (entry !== undefined) byId.set(entry.id, entry);
  }
  const lookUp = mountLookup(byId);
  const mounts: Mount[] = [];
  for (const entry of byId.values()) {
    // A node has thousands of mounts in memory and overlays, and a handful on block devices.
    if (entry.device.major === 0 && entry.fileSystemType !== "btrfs") continue;
    const mountPoint = withoutPrefix(entry.mountPoint, rootfs);
    if (mountPoint === undefined || lookUp(entry.mountPoint) !== entry) continue;
    const { id: _id, parent: _parent, tags: _tags, ...rest } = entry;
    mounts.push({ ...rest, mountPoint, path: entry.mountPoint });
  }
  return mounts;
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
 * The mount at a path itself, the topmost one; undefined when the path is no mount point.
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
  const entries = files.readText(mountinfo).split("\n").map(parseLine);
  const entry = entries.findLast((candidate) => candidate?.mountPoint === path);
  if (entry === undefined) return undefined;
  const has = (tag: string) => entry.tags.some((candidate) => candidate.startsWith(tag));
  const propagation = has("shared:") ? "shared" : has("master:") ? "slave" : "private";
  return { fileSystemType: entry.fileSystemType, propagation };
}

function parseLine(line: string): MountinfoEntry | undefined {
  const fields = line.split(" ");
  const [id, parent, device, root, mountPoint, options] = fields;
  // Any number of optional fields stands before the hyphen.
  const hyphen = fields.indexOf("-", 6);
  const [type, source, superOptions] = fields.slice(hyphen + 1);
  const numbers = /^(\d+):(\d+)$/.exec(device ?? "");
  if (
    id === undefined || parent === undefined || numbers === null || root === undefined ||
    !mountPoint?.startsWith("/") || /.\/$/.test(mountPoint) || options === undefined ||
    hyphen < 0 || type === undefined ||
    source === undefined
  ) {
    return undefined;
  }
  return {
    id,
    parent,
    mountPoint: unescape(mountPoint),
    root: unescape(root),
    device: { major: Number(numbers[1]), minor: Number(numbers[2]) },
    fileSystemType: unescape(type),
    source: unescape(source),
    options: options.split(","),
    tags: fields.slice(6, hyphen),
    superOptions: (superOptions ?? "").split(","),
  };
}

/** White space, backslash and number sign stand in octal, such as `\040`. */
function unescape(field: string): string {
  if (!field.includes("\\")) return field;
  return field.replace(
    /\\([0-3][0-7]{2})/g,
    (_match, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/** Finds the entry to which the kernel comes when it looks a path up. */
function mountLookup(
  byId: ReadonlyMap<string, MountinfoEntry>,
): (path: string) => MountinfoEntry | undefined {
  const place = (parent: string, mountPoint: string): string => `${parent} ${mountPoint}`;
  const byPlace = new Map<string, MountinfoEntry>();
  for (const entry of byId.values()) {
    const { id, parent } = entry;
    const seen = parent !== id && byId.has(parent);
    byPlace.set(place(seen ? parent : UNSEEN, entry.mountPoint), entry);
  }
  return (path) => {
    let found: MountinfoEntry | undefined;
    for (const prefix of prefixes(path)) {
      for (;;) {
        // A mount that covers another whole one has the covered one as its parent.
        const covering = byPlace.get(place(found?.id ?? UNSEEN, prefix));
        if (covering === undefined) break;
        found = covering;
      }
    }
    return found;
  };
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
