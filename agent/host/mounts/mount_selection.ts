import { matchesAny } from "../name_pattern.ts";

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
