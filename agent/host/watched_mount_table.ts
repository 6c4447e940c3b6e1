import type { KernelFiles, OpenDescriptor } from "./kernel_files.ts";
import type { Libc } from "./libc.ts";
import { type Mount, type MountPointFilter, readMountTable } from "./mount_table.ts";
import type { Steps } from "./steps.ts";

const POLLPRI = 0x002;

/**
 * The host's mount table, read again only after the kernel has reported a change: it raises POLLPRI on an
 * open `/proc/self/mountinfo` for every mount, unmount and remount in the agent's mount namespace
 * (proc_pid_mountinfo(5)). Of 1,500 mounts, to print them takes the kernel longer than all the rest of
 * guest-get-fsinfo takes.
 */
export class WatchedMountTable implements Disposable {
  readonly #libc: Libc;
  readonly #files: KernelFiles;
  readonly #rootfs: string;
  readonly #path: string;
  // struct pollfd.
  readonly #pollfd = new Uint8Array(8);
  readonly #request = new DataView(this.#pollfd.buffer);
  #watched: OpenDescriptor | undefined;
  #mounts: readonly Mount[] | undefined;
  #reads = 0;

  /** The arguments are those of `readMountTable`. */
  constructor(
    libc: Libc,
    files: KernelFiles,
    rootfs: string,
    mountinfo = "/proc/self/mountinfo",
  ) {
    this.#libc = libc;
    this.#files = files;
    this.#rootfs = rootfs;
    this.#path = mountinfo;
  }

  /**
   * What `readMountTable` gives.
   *
   * @param wanted always the same
   * @throws LibcError when the table cannot be read
   */
  *read(wanted: MountPointFilter): Steps<readonly Mount[]> {
    // Asked first: a change while the table is read is reported the next time.
    if (this.#hasChanged()) this.#mounts = undefined;
    if (this.#mounts !== undefined) return this.#mounts;
    const read = ++this.#reads;
    const mounts = yield* readMountTable(this.#files, this.#rootfs, wanted, this.#path);
    // Another one that began later has seen changes that this one has not.
    if (read === this.#reads) this.#mounts = mounts;
    return mounts;
  }

  [Symbol.dispose](): void {
    this.#watched?.[Symbol.dispose]();
    this.#watched = undefined;
    this.#mounts = undefined;
  }

  /** poll(2); what cannot be asked counts as changed. */
  #hasChanged(): boolean {
    this.#watched ??= this.#files.openToPoll(this.#path);
    this.#request.setInt32(0, this.#watched.fd, true);
    this.#request.setInt16(4, POLLPRI, true);
    this.#request.setInt16(6, 0, true);
    return this.#libc.frequent.poll(this.#pollfd, 1n, 0) !== 0;
  }
}
