import { type Mount, type MountPointFilter, parseMountinfo } from "../host/mount_table.ts";
import { atOnce } from "../steps.ts";

/** `parseMountinfo` of a text, of all its mounts if not told otherwise. */
export function mountsOfText(
  text: string,
  rootfs: string,
  wanted: MountPointFilter = () => true,
): Mount[] {
  return atOnce(parseMountinfo([new TextEncoder().encode(text)], rootfs, wanted));
}
