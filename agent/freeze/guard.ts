import { messageOf } from "../fault.ts";
import type { Log } from "../log/log.ts";
import { sleep } from "../sleep.ts";
import { FileSystemSet, type FileSystemSetOptions } from "./file_system_set.ts";
import type { FoundMarker, MarkedFreeze } from "./freeze_marker.ts";
import type { Pausable } from "./freezer.ts";
import type { LastFreezeFile } from "./last_freeze.ts";
import { THAWED_BY } from "./thaw_explanation.ts";

/** How long after its deadline a freeze may last before the guard ends it. */
const MARGIN_MS = 4_000;
/** How long to wait before a thaw that failed is tried again. */
const RETRY_MS = 1_000;

/** What a guard needs of a marker. */
export type WatchedMarker = Pick<FoundMarker, "freeze" | "left" | "remove" | typeof Symbol.dispose>;

/** What a `Guard` works with. */
export interface GuardOptions extends FileSystemSetOptions {
  readonly marker: { readonly find: () => WatchedMarker | undefined };
  readonly lastFreeze: Pick<LastFreezeFile, "write">;
  /** Waits until something has appeared in the state directory; false when the guard is to end. */
  readonly change: () => Promise<boolean>;
  readonly log: Log;
  /** Holds the lines of `log` back while there is a marker: they may go to what is frozen. */
  readonly pausable: Pausable;
  /** The monotonic clock of the machine, in milliseconds; see `readMonotonicClock`. */
  readonly monotonicClock: () => number;
  /** Resolves after a time, in milliseconds, or rejects when the signal is aborted. For tests. */
  readonly sleep?: (milliseconds: number, signal: AbortSignal) => Promise<void>;
}

/**
 * Thaws for an agent that cannot: one that was killed (the kernel lets go of its marker's lock, and
 * nothing may be able to start the next agent, since the container runtime waits for the frozen disk),
 * and one that lives and has not thawed when its deadline is over.
 *
 * While nothing is frozen it sleeps in the kernel, without timers. To thaw it needs nothing that has to
 * be written: it reads the mount table, opens directories, and writes to the state directory and the
 * log only when everything is thawed.
 */
export class Guard {
  readonly #options: GuardOptions;
  readonly #stopping = new AbortController();
  #freeze: GuardedFreeze | undefined;

  constructor(options: GuardOptions) {
    this.#options = options;
  }

  /** Watches until `change` says that it is to end. */
  async run(): Promise<void> {
    const { marker, pausable } = this.#options;
    do {
      pausable.pause();
      for (let found = marker.find(); found !== undefined; found = marker.find()) {
        if (await this.#watchAndClose(found)) continue;
        // The next agent may take it over meanwhile: it tries as well, and answers.
        await this.#sleep(RETRY_MS, new AbortController().signal);
      }
      pausable.resume();
    } while (!this.#stopping.signal.aborted && await this.#options.change());
  }

  /**
   * Ends the guard as soon as nothing is frozen: an agent that is stopped at the same time thaws by
   * itself. One that does not within the margin is thawed.
   */
  stop(): void {
    this.#stopping.abort();
  }

  /** Watches a marker until it is gone; false when it was left and the thaw has failed. */
  async #watchAndClose(marker: WatchedMarker): Promise<boolean> {
    using _closed = marker;
    const freeze = this.#freeze?.isOf(marker.freeze)
      ? this.#freeze
      : new GuardedFreeze(this.#options, marker.freeze);
    this.#freeze = freeze;
    const rehearsal = freeze.rehearse();
    const done = new AbortController();
    const overdue = this.#thawWhenOverdue(freeze, marker.freeze, done.signal);
    const left = await marker.left();
    done.abort();
    await Promise.all([overdue, rehearsal]);
    if (!left) return true;
    if (!await freeze.thaw()) return false;
    marker.remove();
    return true;
  }

  /** Thaws for an agent that lives, again and again until it has removed its marker or ends. */
  async #thawWhenOverdue(
    freeze: GuardedFreeze,
    { times }: MarkedFreeze,
    done: AbortSignal,
  ): Promise<void> {
    const { monotonicClock } = this.#options;
    try {
      await this.#overdue(times?.limit?.deadline, done);
      for (;;) {
        const limit = times?.limit;
        const isOver = limit !== undefined && monotonicClock() >= limit.deadline;
        const isThawed = await freeze.thaw(isOver ? limit.seconds : undefined);
        await this.#sleep(isThawed ? MARGIN_MS : RETRY_MS, done);
      }
    } catch (error) {
      if (!done.aborted) throw error;
    }
  }

  /** Waits for the end of the margin after the deadline, or after `stop` if that is earlier. */
  async #overdue(deadline: number | undefined, done: AbortSignal): Promise<void> {
    const stopping = this.#stopping.signal;
    const wait = AbortSignal.any([done, stopping]);
    try {
      if (deadline === undefined) await aborted(wait);
      else {
        const left = deadline + MARGIN_MS - this.#options.monotonicClock();
        await this.#sleep(Math.max(0, left), wait);
      }
    } catch (error) {
      if (!stopping.aborted || done.aborted) throw error;
      await this.#sleep(MARGIN_MS, done);
    }
  }

  get #sleep(): NonNullable<GuardOptions["sleep"]> {
    return this.#options.sleep ?? sleep;
  }
}

/** What one marker says is frozen. */
class GuardedFreeze {
  readonly #options: GuardOptions;
  readonly #marked: MarkedFreeze;
  #counted = 0;
  #failure: string | undefined;

  constructor(options: GuardOptions, marked: MarkedFreeze) {
    this.#options = options;
    this.#marked = marked;
  }

  /** Whether another marker is of the same freeze. */
  isOf({ times }: MarkedFreeze): boolean {
    return times !== undefined && times.startedAt === this.#marked.times?.startedAt;
  }

  /**
   * Does what a thaw does, but for the thaw itself, while the agent freezes: the first one would take several times
   * as long while its code is compiled, and what it reads is brought into memory.
   */
  async rehearse(): Promise<void> {
    const fileSystems = new FileSystemSet(this.#options, this.#marked.devices);
    await fileSystems.rehearse();
    fileSystems.close();
  }

  /**
   * Thaws all, and then writes down and logs what was thawed.
   *
   * @param limitSeconds the time limit, when that is why it is thawed
   * @returns whether all is thawed
   */
  async thaw(limitSeconds?: number): Promise<boolean> {
    // An agent that continues may freeze again what was thawed: each time all are looked at.
    const fileSystems = new FileSystemSet(this.#options, this.#marked.devices);
    const failures = await fileSystems.thaw();
    fileSystems.close();
    if (failures.length > 0) {
      this.#counted += fileSystems.thawed;
      this.#failure = failures.join("; ");
      return false;
    }
    this.#tell(fileSystems.thawed, limitSeconds);
    return true;
  }

  #tell(thawed: number, limitSeconds: number | undefined): void {
    if (thawed === 0 && this.#counted > 0 && this.#failure === undefined) return;
    this.#counted += thawed;
    const count = this.#counted;
    const { log, lastFreeze, monotonicClock } = this.#options;
    const until = Date.now();
    const { since = until, startedAt = monotonicClock() } = this.#marked.times ?? {};
    const seconds = Math.round(monotonicClock() - startedAt) / 1000;
    try {
      lastFreeze.write({
        ...{ since, until, seconds, count, endedBy: "guard" },
        ...(limitSeconds === undefined ? {} : { limitSeconds }),
        ...{ reported: false, told: false },
      });
    } catch (error) {
      log.error("cannot write down for the agent that the guard has thawed", {
        error: messageOf(error),
      });
    }
    log.warn(THAWED_BY.guard, { reason: "guard", count, seconds });
    if (this.#failure !== undefined) log.warn("a thaw had failed", { error: this.#failure });
    this.#failure = undefined;
  }
}

/** Rejects when the signal is aborted. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
}
