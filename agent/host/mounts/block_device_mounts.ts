import type { DeviceNumber, FileStatus } from "../../linux/file_status.ts";
import type { KernelFiles } from "../../linux/kernel_files.ts";
import type { Mount } from "./mount_table.ts";
import { matchesAny } from "../name_pattern.ts";
import { resolveInRoot } from "../../linux/rooted_path.ts";

/**
 * Mount points of the volumes of pods. Their storage is the cluster's, often behind a network, and no
 * part of the machine: a snapshot does not hold it, and a volume whose storage is gone blocks whoever
 * touches it.
 */
export const POD_VOLUMES: readonly string[] = [
  "/var/lib/kubelet/pods/*",
  "/var/lib/kubelet/plugins/*",
];

/** Which file systems are meant; `*` and `?` in a pattern stand for any characters. */
export interface MountSelection {
  /** Patterns of mount points; empty for all but the volumes of pods. */
  readonly include: readonly string[];
  /** Patterns of the mount points of file systems to leave out, whatever is included. */
  readonly exclude: readonly string[];
}

/** Whether a mount at this place may be one of the selection: others need not be looked at. */
export function mayBeSelected(mountPoint: string, { include }: MountSelection): boolean {
  return matchesAny(mountPoint, include) || !matchesAny(mountPoint, POD_VOLUMES);
}

/** What is asked about the mounts. */
export interface MountSources {
  readonly files: KernelFiles;
  /** What is `/` on the host. */
  readonly rootfs: string;
  /** See `fileStatus`. */
  readonly status: (path: string) => FileStatus | undefined;
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
export function blockDeviceMounts(
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
  const { files, rootfs, status } = sources;
  const device = status(resolveInRoot(files, rootfs, mount.source))?.device;
  return device?.major === 0 ? undefined : device;
}

function inOrderOfPreference(mounts: readonly Mount[]): Mount[] {
  return [
    ...mounts.filter(({ root }) => root === "/"),
    ...mounts.filter(({ root }) => root !== "/"),
  ];
}
