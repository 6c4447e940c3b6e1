import { HOST_TREES } from "../config/host_tree.ts";
import type { Host } from "../host/host.ts";
import { type MountedTree, readMountedTree } from "../host/mounts/mount_table.ts";
import { readOsRelease } from "../host/os_release.ts";
import { type CheckLine, failed, ok, warning } from "./check_line.ts";

const LATER_MOUNTS = "mount the host's / there with mountPropagation: HostToContainer (rslave)";

/**
 * Whether the host's trees are where the configuration says, and whether mounts that the host makes
 * later will appear in them.
 *
 * @param mountinfo the mount table of this process; another one in tests
 */
export function checkHostTrees(host: Host, mountinfo?: string): CheckLine[] {
  const { files, roots: { procfs, sysfs, devfs, rootfs } } = host;
  const release = files.readAttribute(host.procPath("sys/kernel/osrelease"));
  const mounted = readMountedTree(files, rootfs, mountinfo);
  return [
    tree("procfs", procfs, "/proc", release === undefined ? undefined : `Linux ${release}`),
    tree("sysfs", sysfs, "/sys", files.exists(host.sysPath("class")) ? "" : undefined),
    tree("devfs", devfs, "/dev", files.exists(host.devPath("null")) ? "" : undefined),
    tree("rootfs", rootfs, "/", systemName(host)),
    ...rootfs === "/" ? ownRoot(mounted) : [propagation(rootfs, mounted)],
  ];
}

/** `found` is what was found there, or undefined when that tree is not there. */
function tree(name: string, path: string, what: string, found: string | undefined): CheckLine {
  if (found !== undefined) return ok(name, found === "" ? path : `${path} (${found})`);
  return failed(
    name,
    `the host's ${what} is not at ${path}`,
    `mount it there, or name its place with --path-${name}`,
  );
}

function systemName(host: Host): string | undefined {
  const { prettyName, name } = readOsRelease(host);
  return prettyName ?? name ?? (host.files.exists(host.rootPath("/etc")) ? "" : undefined);
}

function ownRoot(mounted: MountedTree | undefined): CheckLine[] {
  if (mounted?.fileSystemType !== "overlay") return [];
  return [
    warning(
      "mounts",
      "/ is an overlay, as a container's is: the host's file systems are not seen",
      `mount the host's / at ${HOST_TREES.rootfs.inPod}, or name its place with --path-rootfs`,
    ),
  ];
}

function propagation(rootfs: string, mounted: MountedTree | undefined): CheckLine {
  if (mounted === undefined) {
    return failed("mounts", `${rootfs} is not a mount point`, LATER_MOUNTS);
  }
  if (mounted.propagation !== "private") {
    return ok("mounts", `later mounts of the host appear in ${rootfs} (r${mounted.propagation})`);
  }
  return failed(
    "mounts",
    `mounts that the host makes later do not appear in ${rootfs} (private)`,
    LATER_MOUNTS,
  );
}
