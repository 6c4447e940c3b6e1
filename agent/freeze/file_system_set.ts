import { messageOf } from "../fault.ts";
import { FaultError } from "../fault.ts";
import type { DeviceNumber } from "../linux/file_status.ts";
import { Errno, LibcError } from "../linux/libc.ts";
import type { Mount } from "./mount.ts";
import type { Log } from "../log/log.ts";
import type { FileSystemCalls } from "./file_system_calls.ts";
import type { MarkedDevices } from "./freeze_marker.ts";
import { freezeOrder } from "./freeze_order.ts";

/** A freeze or a thaw that did not succeed, in words for the client. */
export class FreezeError extends FaultError {
  override readonly name = "FreezeError";
}

interface OpenedMount {
  readonly mount: Mount;
  readonly handle: number;
}

/** What a `FileSystemSet` works with. */
export interface FileSystemSetOptions {
  readonly calls: FileSystemCalls;
  /**
   * All file systems on block devices, one mount for each, in mount order: looked at for what another
   * process has frozen.
   *
   * @throws LibcError when the mounts cannot be read
   */
  readonly allMounts: () => readonly Mount[];
  readonly log: Log;
}

/**
 * File systems that are frozen and thawed together. All are open before the first one is frozen, so that
 * a thaw needs nothing more; what another process has frozen is opened by the first thaw.
 */
export class FileSystemSet {
  readonly #options: FileSystemSetOptions;
  readonly #opened: OpenedMount[] = [];
  /** In the order in which they were frozen. */
  readonly #frozen: OpenedMount[] = [];
  #unopened: MarkedDevices | undefined;
  #thawed = 0;

  /** @param marked what another process may have frozen, by its marker */
  constructor(options: FileSystemSetOptions, marked?: MarkedDevices) {
    this.#options = options;
    this.#unopened = marked;
  }

  /** What is known to be frozen now, in the order in which it was frozen. */
  get frozen(): readonly Mount[] {
    return this.#frozen.map(({ mount }) => mount);
  }

  /** How many file systems were thawed until now. */
  get thawed(): number {
    return this.#thawed;
  }

  /**
   * Opens what is to be frozen, in this order.
   *
   * @throws FreezeError for the first one that cannot be opened
   */
  async open(mounts: readonly Mount[]): Promise<void> {
    for (const mount of mounts) this.#opened.push(await this.#open(mount));
  }

  /**
   * Freezes what is open, one after another. Those that cannot be frozen (EOPNOTSUPP) or that somebody
   * else has frozen (EBUSY) are passed over, and no thaw will touch them.
   *
   * @param signal aborted when nothing more may be frozen: the one under way is thawed when it is done
   * @throws FreezeError for the first one that fails; the reason of the signal
   */
  async freeze(signal: AbortSignal): Promise<void> {
    for (const opened of this.#opened) {
      await this.#freezeOne(opened, signal);
      signal.throwIfAborted();
    }
  }

  /**
   * Thaws what is frozen, in the reverse order of the freeze. It can be called while `freeze` runs.
   *
   * @returns what went wrong, a sentence each; what has failed stays in `frozen`
   */
  async thaw(): Promise<string[]> {
    const failures: string[] = [];
    try {
      failures.push(...await this.#openMarked());
      for (const opened of this.#frozen.toReversed()) {
        const failure = await this.#thawOne(opened);
        if (failure !== undefined) failures.push(failure);
      }
    } catch (error) {
      failures.push(`failed to thaw: ${messageOf(error)}`);
    }
    return failures;
  }

  /** Opens what another process has frozen, by its marker. What fails will fail at the `thaw`, too, which tells it. */
  async rehearse(): Promise<void> {
    try {
      await this.#openMarked();
    } catch (error) {
      if (!(error instanceof LibcError)) throw error;
    }
  }

  /** Lets go of everything; what is frozen stays so. */
  close(): void {
    for (const { handle } of this.#opened) this.#options.calls.close(handle);
    this.#opened.length = 0;
  }

  async #open(mount: Mount): Promise<OpenedMount> {
    try {
      return { mount, handle: await this.#options.calls.open(mount.path) };
    } catch (error) {
      if (!(error instanceof LibcError)) throw error;
      throw new FreezeError(`failed to open ${mount.mountPoint}: ${error.explanation}`);
    }
  }

  async #freezeOne(opened: OpenedMount, signal: AbortSignal): Promise<void> {
    try {
      await this.#options.calls.freeze(opened.handle);
    } catch (error) {
      if (!(error instanceof LibcError)) throw error;
      if (error.errno === Errno.EBUSY || error.errno === Errno.EOPNOTSUPP) return;
      throw new FreezeError(`failed to freeze ${opened.mount.mountPoint}: ${error.explanation}`);
    }
    this.#frozen.push(opened);
    // Not left to a thaw under way, which may wait for this one: a loop device can lie on it.
    if (signal.aborted) await this.#thawOne(opened);
  }

  /** Thaws until the kernel says that it is thawed. Gives what went wrong. */
  async #thawOne(opened: OpenedMount): Promise<string | undefined> {
    for (let count = 0;; count++) {
      try {
        await this.#options.calls.thaw(opened.handle);
      } catch (error) {
        if (!(error instanceof LibcError)) throw error;
        if (count > 0) this.#thawed++;
        if (error.errno !== Errno.EINVAL) {
          return `failed to thaw ${opened.mount.mountPoint}: ${error.explanation}`;
        }
        const index = this.#frozen.indexOf(opened);
        if (index >= 0) this.#frozen.splice(index, 1);
        return undefined;
      }
    }
  }

  /** Opens what the marker names as if it had just been frozen. Gives what went wrong. */
  async #openMarked(): Promise<string[]> {
    const marked = this.#unopened;
    if (marked === undefined) return [];
    const mounts = freezeOrder(this.#options.allMounts());
    const isMarked = ({ device }: Mount): boolean =>
      marked === "all" || marked.some((each) => isSame(each, device));
    const isOpen = (mount: Mount): boolean =>
      this.#opened.some((opened) => opened.mount.mountPoint === mount.mountPoint);
    const failures: string[] = [];
    for (const mount of mounts.filter((mount) => isMarked(mount) && !isOpen(mount))) {
      try {
        const opened = await this.#open(mount);
        this.#opened.push(opened);
        this.#frozen.push(opened);
      } catch (error) {
        if (!(error instanceof FreezeError)) throw error;
        failures.push(error.message);
      }
    }
    if (failures.length > 0) return failures;
    this.#unopened = undefined;
    if (marked === "all") return [];
    for (const device of marked) {
      if (mounts.some((mount) => isSame(mount.device, device))) continue;
      this.#options.log.warn("a device that may be frozen is mounted nowhere any more", {
        device: `${device.major}:${device.minor}`,
      });
    }
    return [];
  }
}

function isSame(one: DeviceNumber, other: DeviceNumber): boolean {
  return one.major === other.major && one.minor === other.minor;
}
