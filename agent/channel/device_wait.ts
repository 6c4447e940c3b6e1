import { DirectoryWatch } from "../linux/directory_watch.ts";
import type { Libc } from "../linux/libc.ts";
import type { PortState, Publish } from "../activity/activity.ts";
import type { Log } from "../log/log.ts";

// A device node appears before its name in sysfs does, so a change is followed by a few quick looks.
const FIRST_DELAY_MS = 20;
const LONGEST_QUICK_DELAY_MS = 1_500;
const SLOW_DELAY_MS = 30_000;

/** Why a device cannot be used now. */
export interface DeviceObstacle {
  /** One sentence for the log: what is missing, and what the user can do. */
  readonly reason: string;
  /** The directory in which the device will appear. */
  readonly directory: string;
  /** The device that somebody else has open, if that is the obstacle. */
  readonly busy?: string;
  /** Set when nothing is wrong: the machine is no guest of QEMU, so no device is to be expected. */
  readonly notAGuest?: true;
}

/**
 * Waits between attempts to open a device: until something changes where it should appear, else for
 * longer and longer. Each new reason is logged once, and then there is silence.
 */
export class DeviceWait implements AsyncDisposable {
  readonly #log: Log;
  readonly #publish: Publish;
  readonly #watch: DirectoryWatch;
  #reported: string | undefined;
  #delay = FIRST_DELAY_MS;

  constructor(libc: Libc, log: Log, publish: Publish) {
    this.#log = log;
    this.#publish = publish;
    this.#watch = new DirectoryWatch(libc);
  }

  /** Returns when it is worth another attempt, or at once when the wait is disposed of. */
  async until(obstacle: DeviceObstacle): Promise<void> {
    if (this.#reported !== obstacle.reason) {
      this.#reported = obstacle.reason;
      if (obstacle.notAGuest) this.#log.info(obstacle.reason);
      else this.#log.warn(obstacle.reason);
      this.#publish({
        kind: "port",
        state: stateOf(obstacle),
        path: obstacle.busy,
        reason: obstacle.reason,
      });
    }
    this.#watch.watchEntries(obstacle.directory);
    if (obstacle.busy !== undefined) this.#watch.watchClose(obstacle.busy);
    const changed = await this.#watch.change(this.#delay);
    if (changed) this.#delay = FIRST_DELAY_MS;
    else {
      this.#delay = this.#delay < LONGEST_QUICK_DELAY_MS ? this.#delay * 2 : SLOW_DELAY_MS;
    }
  }

  /** Call it when the device could be opened: the next obstacle is a new one. */
  opened(): void {
    this.#reported = undefined;
    this.#delay = FIRST_DELAY_MS;
  }

  /** Ends a pending `until`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watch[Symbol.asyncDispose]();
  }
}

function stateOf({ busy, notAGuest }: DeviceObstacle): PortState {
  if (busy !== undefined) return "busy";
  return notAGuest ? "not-a-guest" : "absent";
}
