import type { Steps } from "../../steps.ts";
import { type DeviceNumber, type FileStatus, fileStatus } from "../../linux/file_status.ts";
import type { Host } from "../host.ts";
import { matchesAny } from "../name_pattern.ts";
import { mayBeSelected, type MountSelection } from "./mount_selection.ts";
import { type Mount, readMountTable } from "./mount_table.ts";

/** What is asked about the mounts. */
export interface MountSources {
  /** See `Host.rootPath`. */
  readonly rootPath: (path: string) => string;
  /** See `fileStatus`. */
  readonly status: (path: string) => FileStatus | undefined;
}

/** The file systems on block devices; see `readMountTable` and `selectMounts`. */
export function* readBlockDeviceMounts(host: Host, selection: MountSelection): Steps<Mount[]> {
  const { files, libc, roots: { rootfs } } = host;
  const mounts = selection.include.length === 0
    ? yield* host.mountTable.read()
    : yield* readMountTable(files, rootfs, (mountPoint) => mayBeSelected(mountPoint, selection));
  return selectMounts(mounts, selection, {
    rootPath: (path) => host.rootPath(path),
    status: (path) => fileStatus(libc, path),
  });
}

/**
 * What a freeze and a trim are about: `readBlockDeviceMounts` without what is read-only for everybody, such
 * as Talos' own system, a squashfs. Nothing writes there, and the kernel refuses to trim it.
 */
export function* readWritableMounts(host: Host, selection: MountSelection): Steps<Mount[]> {
  const mounts = yield* readBlockDeviceMounts(host, selection);
  return mounts.filter(({ readOnly }) => !readOnly);
}

/**
 * The file systems on block devices: one mount for each, since freezing, trimming and measuring act on
 * the whole file system. Among several the first one that shows the whole of it is taken, so that it is
 * known by `/var` and not by one of the bind mounts of its directories, and then the first one.
 *
 * They come in the order in which the devices were first mounted: a file system in a file comes after
 * the one that holds the file. A btrfs, which has a device number of its own, gets that of its source.
 * Left out are the files that a container runtime mounts, such as /etc/hosts, and all that `selection`
 * does not want: it is excluded when a mount that shows as much as the one taken matches.
 */
export function selectMounts(
  mounts: readonly Mount[],
  selection: MountSelection,
  sources: MountSources,
): Mount[] {
  const { include, exclude } = selection;
  const result: Mount[] = [];
  for (const ofOneDevice of groupByDevice(mounts, sources)) {
    const known = ofOneDevice.filter(({ mountPoint }) => mayBeSelected(mountPoint, selection));
    const wanted = include.length === 0
      ? known
      : known.filter(({ mountPoint }) => matchesAny(mountPoint, include));
    const mount = inOrderOfPreference(wanted)
      .find(({ path }) => sources.status(path)?.isDirectory === true);
    if (mount === undefined) continue;
    const excluded = known.some(({ root, mountPoint }) =>
      root === mount.root && matchesAny(mountPoint, exclude)
    );
    if (!excluded) result.push(mount);
  }
  return result;
}

function groupByDevice(mounts: readonly Mount[], sources: MountSources): Iterable<Mount[]> {
  const groups = new Map<string, Mount[]>();
  for (const mount of mounts) {
    const device = blockDevice(mount, sources);
    if (device === undefined) continue;
    const key = `${device.major}:${device.minor}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [{ ...mount, device }]);
    else group.push({ ...mount, device });
  }
  return groups.values();
}

function blockDevice(mount: Mount, sources: MountSources): DeviceNumber | undefined {
  if (mount.device.major !== 0) return mount.device;
  if (mount.fileSystemType !== "btrfs" || !mount.source.startsWith("/")) return undefined;
  const device = sources.status(sources.rootPath(mount.source))?.device;
  return device?.major === 0 ? undefined : device;
}

function inOrderOfPreference(mounts: readonly Mount[]): Mount[] {
  return [
    ...mounts.filter(({ root }) => root === "/"),
    ...mounts.filter(({ root }) => root !== "/"),
  ];
}
