import type { Steps } from "../../steps.ts";
import type { KernelFiles, OpenDescriptor } from "../../linux/kernel_files.ts";
import type { Libc } from "../../linux/libc.ts";
import { type Mount, type MountPointFilter, readMountTable } from "./mount_table.ts";
import { Poll, PollEvent } from "../../linux/poll.ts";

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
  readonly #wanted: MountPointFilter;
  readonly #path: string;
  #descriptor: OpenDescriptor | undefined;
  #poll: Poll | undefined;
  #mounts: readonly Mount[] | undefined;
  #reads = 0;

  /** The arguments are those of `readMountTable`. */
  constructor(
    libc: Libc,
    files: KernelFiles,
    rootfs: string,
    wanted: MountPointFilter,
    mountinfo = "/proc/self/mountinfo",
  ) {
    this.#libc = libc;
    this.#files = files;
    this.#rootfs = rootfs;
    this.#wanted = wanted;
    this.#path = mountinfo;
  }

  /**
   * What `readMountTable` gives.
   *
   * @throws LibcError when the table cannot be read
   */
  *read(): Steps<readonly Mount[]> {
    // Asked first: a change while the table is read is reported the next time.
    if (this.#hasChanged()) this.#mounts = undefined;
    if (this.#mounts !== undefined) return this.#mounts;
    const read = ++this.#reads;
    const mounts = yield* readMountTable(this.#files, this.#rootfs, this.#wanted, this.#path);
    // Another one that began later has seen changes that this one has not.
    if (read === this.#reads) this.#mounts = mounts;
    return mounts;
  }

  /** Gives the descriptor back; it can be used again. */
  [Symbol.dispose](): void {
    this.#descriptor?.[Symbol.dispose]();
    this.#descriptor = undefined;
    this.#poll = undefined;
    this.#mounts = undefined;
  }

  #hasChanged(): boolean {
    if (this.#poll === undefined) {
      this.#descriptor = this.#files.openToPoll(this.#path);
      this.#poll = new Poll(this.#libc, this.#descriptor.fd);
    }
    return this.#poll.events(PollEvent.PRI, 0) !== 0;
  }
}
