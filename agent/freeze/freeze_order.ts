import type { Mount } from "./mount.ts";

/**
 * The mounts whose freeze stops Kubernetes. They are frozen last, in this order, and thawed first: an
 * etcd that cannot write for a second loses its leadership.
 */
const LAST: readonly string[] = ["/var/lib/etcd", "/var"];

/** Major number of loop devices. */
const LOOP = 7;

/**
 * The order in which mounts are frozen: the reverse of the order in which they were mounted, because a
 * file system may lie in a file of one that was mounted before, and what stops Kubernetes last. A thaw
 * goes the other way round.
 *
 * @param mounts in mount order
 */
export function freezeOrder<M extends Mount>(mounts: readonly M[]): M[] {
  const rank = ({ mountPoint, device }: Mount): number =>
    // Frozen after the file system that holds its file, a loop device could write nothing any more.
    device.major === LOOP ? -1 : LAST.indexOf(mountPoint);
  // The sort is stable.
  return mounts.toReversed().sort((one, other) => rank(one) - rank(other));
}
