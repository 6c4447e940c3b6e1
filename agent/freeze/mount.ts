import type { DeviceNumber } from "../linux/file_status.ts";

/** What a freeze or a trim must know of a mounted file system. */
export interface Mount {
  /** Where it is mounted as the host sees it, `/` for the root. */
  readonly mountPoint: string;
  /** The same place as the agent reaches it. */
  readonly path: string;
  /** The block device that holds it. */
  readonly device: DeviceNumber;
}
