/** A tree of the host that the kernel or its root file system shows. */
export type HostTree = "procfs" | "sysfs" | "devfs" | "rootfs";

/**
 * Where each tree of the host is: in a pod it is mounted below /host, since the pod has trees of its own and
 * Deno refuses literal /proc, /sys and /dev without all permissions; on a plain machine it is the agent's own.
 */
export const HOST_TREES: Readonly<
  Record<HostTree, { readonly inPod: string; readonly own: string }>
> = {
  procfs: { inPod: "/host/proc", own: "/proc" },
  sysfs: { inPod: "/host/sys", own: "/sys" },
  devfs: { inPod: "/host/dev", own: "/dev" },
  rootfs: { inPod: "/host/root", own: "/" },
};
