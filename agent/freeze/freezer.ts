import type { FreezeState } from "../activity/freeze_state.ts";
import { messageOf } from "../fault.ts";
import type { Mount } from "./mount.ts";
import type { Publish } from "../activity/activity.ts";
import type { Log } from "../log/log.ts";
import type { FileSystemCalls } from "./file_system_calls.ts";
import { FileSystemSet, FreezeError } from "./file_system_set.ts";
import type { FreezeMarker, FreezeTimes } from "./freeze_marker.ts";
import { freezeOrder } from "./freeze_order.ts";
import type { FsfreezeHook } from "./fsfreeze_hook.ts";
import type { GuardLock } from "./guard_lock.ts";
import { describeLapse, type LastFreeze, type LastFreezeFile } from "./last_freeze.ts";
import { type ThawReason } from "../activity/thaw_reason.ts";
import { THAWED_BY } from "./thaw_explanation.ts";

/** How long to wait before a thaw that failed is tried again. */
const RETRY_MS = 5000;
/** How long a thaw waits for the FIFREEZE under way: with storage that is gone it never returns. */
const STUCK_MS = 10_000;
/** How long an agent that stops waits for the hook of a thaw. */
const LAST_HOOK_MS = 10_000;

const NOTHING_TO_FREEZE =
  "no file system to freeze: the agent sees none on a block device that it is to freeze. Check that " +
  "the host's / is mounted at --path-rootfs, and what --fsfreeze-include, --fsfreeze-exclude and " +
  "the request's list leave; --fsfreeze-allow-empty makes this a success";
const NOTHING_FROZEN =
  "no file system was frozen: those that are to be frozen cannot be, or somebody else has frozen " +
  "them; --fsfreeze-allow-empty makes this a success";
const STUCK =
  "the kernel has not come back from freezing a file system; it is thawed as soon as that is done";

/** Where log lines wait while nothing may be written; see `PausedLines`. */
export interface Pausable {
  pause(): void;
  /** @returns how many lines were dropped */
  resume(): number;
}

/** What a `Freezer` works with. */
export interface FreezerOptions {
  /**
   * The file systems to freeze, one mount for each, in mount order.
   *
   * @throws LibcError when the mounts cannot be read
   */
  readonly mounts: () => readonly Mount[];
  /** Those and all others on block devices, for what an earlier process has frozen. */
  readonly allMounts: () => readonly Mount[];
  readonly calls: FileSystemCalls;
  readonly marker: Pick<FreezeMarker, "write" | "read" | "remove" | "acquire">;
  readonly lastFreeze: Pick<LastFreezeFile, "read" | "write">;
  readonly guard: Pick<GuardLock, "isHeld" | "released">;
  readonly hook: FsfreezeHook | undefined;
  /** After this time everything is thawed; 0: never. */
  readonly timeoutMs: number;
  /** Whether a freeze of nothing is a success. */
  readonly allowEmpty: boolean;
  readonly log: Log;
  readonly publish: Publish;
  readonly pausable: Pausable;
  /** The monotonic clock of the machine, in milliseconds; see `readMonotonicClock`. */
  readonly monotonicClock: () => number;
  /** Calls back after a time; gives what cancels that. For tests. */
  readonly startTimer?: (callback: () => void, milliseconds: number) => () => void;
}

/** A freeze that found nothing that it could freeze. */
class NothingFrozenError extends FreezeError {}

/** A freeze from its beginning to the end of its thaw. */
interface Freeze {
  readonly times: Omit<FreezeTimes, "limit">;
  readonly fileSystems: FileSystemSet;
  hookHasRun: boolean;
  cancelTimer: () => void;
}

/** Its first part, in which file systems are frozen one after another. */
interface Freezing {
  /** Aborted when nothing more may be frozen; the reason is what the freeze fails with. */
  readonly stop: AbortController;
  /** Settles when no FIFREEZE is under way and none will follow. */
  readonly end: Promise<void>;
  /** Rejects when a thaw has waited in vain for that. */
  readonly stuck: PromiseWithResolvers<never>;
}

type State =
  | { readonly name: "thawed" }
  | { readonly name: "freezing"; readonly freeze: Freeze; readonly freezing: Freezing }
  | { readonly name: "frozen"; readonly freeze: Freeze }
  | {
    readonly name: "thawing";
    readonly freeze: Freeze;
    /** Undefined when it had ended before the thaw began. */
    readonly freezing: Freezing | undefined;
    readonly reason: ThawReason;
    /** Resolves with how many were thawed. */
    readonly thawed: Promise<number>;
  };

const THAWED: State = { name: "thawed" };

/**
 * Freezes the file systems for a backup and thaws them, come what may: by command, after a time, when
 * the agent is stopped, when a freeze fails half way, when its guard ends, and at the next start when
 * the agent was killed.
 *
 * Everything that a thaw needs is there before the first file system is frozen: directory handles,
 * functions of libc, and the marker. Nothing is written or logged until the last one is thawed. A thaw
 * does not wait for a FIFREEZE that is under way (it can take long, and could wait for what is frozen
 * already): what is frozen is thawed at once, and the one under way as soon as it is done.
 *
 * A client whose freeze has ended before its thaw is told so by that thaw, once.
 */
export class Freezer implements AsyncDisposable {
  readonly #options: FreezerOptions;
  readonly #startTimer: NonNullable<FreezerOptions["startTimer"]>;
  #state: State = THAWED;
  #hookAfterThaw: Promise<void> | undefined;
  #watchingGuard = false;
  #closed = false;

  constructor(options: FreezerOptions) {
    this.#options = options;
    this.#startTimer = options.startTimer ?? startTimeout;
  }

  /** What the agent has frozen; a freeze by others is not seen. */
  get state(): FreezeState {
    return this.#state.name;
  }

  /**
   * Freezes file systems, see `freezeOrder`. Those that cannot be frozen (EOPNOTSUPP) or that somebody
   * else has frozen (EBUSY) are passed over and stay as they are when the others are thawed.
   *
   * @param mountPoints only these, unknown ones being ignored; all when left out
   * @returns how many were frozen
   * @throws FreezeError after everything was thawed again, or when that failed, too
   */
  async freeze(mountPoints?: readonly string[]): Promise<number> {
    const { monotonicClock, guard } = this.#options;
    const startedAt = monotonicClock();
    const guarded = guard.isHeld();
    const publish = (outcome: "frozen" | "nothing" | "failed", count: number, error?: string) => {
      const seconds = (monotonicClock() - startedAt) / 1000;
      this.#options.publish({ kind: "freeze", outcome, count, seconds, guarded, error });
    };
    try {
      const count = await this.#freezeAll(mountPoints, startedAt, guarded);
      publish(count === 0 ? "nothing" : "frozen", count);
      return count;
    } catch (error) {
      publish(error instanceof NothingFrozenError ? "nothing" : "failed", 0, messageOf(error));
      throw error;
    }
  }

  async #freezeAll(
    mountPoints: readonly string[] | undefined,
    startedAt: number,
    guarded: boolean,
  ): Promise<number> {
    if (this.#hookAfterThaw !== undefined) await this.#hookAfterThaw.catch(() => {});
    if (this.#closed) throw new FreezeError("the agent is stopping");
    if (this.#state.name !== "thawed") throw new FreezeError("the file systems are frozen already");
    const { allowEmpty, pausable, log, monotonicClock } = this.#options;
    const mounts = this.#select(mountPoints);
    if (mounts.length === 0 && !allowEmpty) throw new NothingFrozenError(NOTHING_TO_FREEZE);
    log.info("freezing file systems", { mountPoints: nameAll(mounts), guarded });
    // Whoever freezes again knows that the freeze before has ended.
    this.#tellLapse();
    pausable.pause();
    const freeze = this.#newFreeze(startedAt);
    const freezing = this.#startFreezing(freeze, mounts);
    this.#publishState();
    if (guarded) void this.#watchGuard();
    try {
      await Promise.race([freezing.end, freezing.stuck.promise]);
      freezing.stop.signal.throwIfAborted();
    } catch (error) {
      await this.#thawAfterFailure(freeze, error);
      log.warn("file systems not frozen", { error: messageOf(error) });
      throw error;
    }
    const { frozen } = freeze.fileSystems;
    if (frozen.length === 0) {
      await this.thaw("abort");
      if (!allowEmpty) throw new NothingFrozenError(NOTHING_FROZEN);
    }
    this.#publishState();
    log.info("file systems frozen", {
      count: frozen.length,
      mountPoints: nameAll(frozen),
      milliseconds: Math.round(monotonicClock() - startedAt),
    });
    return frozen.length;
  }

  /**
   * Thaws what this process has frozen, or what the marker says that an earlier one has; a freeze that
   * is under way fails. It may be called at any time, also while another thaw is under way. The hook
   * runs after a thaw, and for a command even when there was nothing to thaw; only a command waits for it.
   *
   * @returns how many were thawed; 0 when nothing was frozen
   * @throws FreezeError when some stay frozen: then the state does, and it is tried again by itself; for
   * a command also when its freeze has ended before, which is reported once
   * @throws Error for a command when the hook fails; everything is thawed then
   */
  async thaw(reason: ThawReason): Promise<number> {
    const count = await this.#thawOnce(reason);
    if (reason !== "command") return count;
    const lapse = this.#tellLapse();
    if (lapse !== undefined) throw new FreezeError(lapse);
    return count;
  }

  async #thawOnce(reason: ThawReason): Promise<number> {
    const state = this.#state;
    if (state.name === "thawing") return await state.thawed;
    if (state.name === "thawed") {
      if (reason === "command") await this.#runHookAfterThaw();
      return 0;
    }
    const { freeze } = state;
    const freezing = state.name === "freezing" ? state.freezing : undefined;
    const thawed = Promise.withResolvers<number>();
    this.#state = { name: "thawing", freeze, freezing, reason, thawed: thawed.promise };
    this.#publishState();
    thawed.resolve(this.#thawAndPublish(freeze, freezing, reason));
    return await thawed.promise;
  }

  /**
   * Waits until no other process of the agent has anything frozen: what one that lives has frozen is
   * its own, and one that was killed in the middle of a FIFREEZE freezes all the same.
   *
   * @throws Error of Deno when the marker exists and cannot be read
   */
  async otherProcessDone(): Promise<void> {
    await this.#options.marker.acquire();
  }

  /**
   * Takes over what an earlier process left frozen: from then on the state is `frozen`, and `thaw`
   * thaws it.
   *
   * @returns whether there was a marker
   * @throws Error of Deno when it exists and cannot be read
   */
  takeOver(): boolean {
    if (this.#state.name !== "thawed") return true;
    const { marker, pausable, monotonicClock } = this.#options;
    const marked = marker.read();
    if (marked === undefined) return false;
    pausable.pause();
    const times = marked.times ?? { since: Date.now(), startedAt: monotonicClock() };
    const fileSystems = new FileSystemSet(this.#options, marked.devices);
    const freeze = { times, fileSystems, hookHasRun: true, cancelTimer: () => {} };
    this.#state = { name: "frozen", freeze };
    this.#publishState();
    return true;
  }

  /**
   * Publishes how the last freeze ended, which may have been before this process was started, and a thaw
   * by the guard as one that nobody has counted yet.
   */
  reportLastFreeze(): void {
    const last = this.#readLastFreeze();
    if (last === undefined) return;
    if (!last.reported) {
      const { endedBy: reason, count, seconds } = last;
      this.#options.log.warn(THAWED_BY[reason], { reason, count, seconds });
      this.#options.publish({ kind: "thaw", reason, count, frozenSeconds: seconds });
      this.#writeLastFreeze({ ...last, reported: true });
    }
    this.#publishLastFreeze(last);
  }

  /** Thaws; nothing is frozen afterwards. What fails is logged, and the marker stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    try {
      await this.#thawToStop();
    } catch (error) {
      if (this.#state.name !== "thawed") this.#state.freeze.cancelTimer();
      this.#options.pausable.resume();
      this.#options.log.error("the agent stops without a whole thaw", { error: messageOf(error) });
    }
    const late = Promise.withResolvers<void>();
    const cancel = this.#startTimer(late.resolve, LAST_HOOK_MS);
    await Promise.race([this.#hookAfterThaw?.catch(() => {}), late.promise]);
    cancel();
  }

  /** Whoever stops while a FIFREEZE is under way must wait: nobody else would thaw. */
  async #thawToStop(): Promise<void> {
    try {
      await this.thaw("signal");
    } catch (error) {
      if (this.#state.name !== "freezing") throw error;
      await this.thaw("signal");
    }
  }

  #select(mountPoints: readonly string[] | undefined): Mount[] {
    let mounts: readonly Mount[];
    try {
      mounts = this.#options.mounts();
    } catch (error) {
      throw new FreezeError(`cannot read the mounts: ${messageOf(error)}`, undefined, {
        cause: error,
      });
    }
    return freezeOrder(
      mounts.filter(({ mountPoint }) => mountPoints?.includes(mountPoint) ?? true),
    );
  }

  #newFreeze(startedAt: number): Freeze {
    return {
      times: { since: Date.now(), startedAt },
      fileSystems: new FileSystemSet(this.#options),
      hookHasRun: false,
      cancelTimer: () => {},
    };
  }

  #startFreezing(freeze: Freeze, mounts: readonly Mount[]): Freezing {
    const stuck = Promise.withResolvers<never>();
    // Nobody waits for it after the freezing.
    stuck.promise.catch(() => {});
    const stop = new AbortController();
    const started = Promise.withResolvers<void>();
    const end = started.promise.then(() => this.#freezeMounts(freeze, mounts, stop.signal)).finally(
      () => {
        const state = this.#state;
        if (state.name === "freezing" && state.freeze === freeze) {
          this.#state = { name: "frozen", freeze };
        }
      },
    );
    const freezing = { stop, end, stuck };
    this.#state = { name: "freezing", freeze, freezing };
    started.resolve();
    return freezing;
  }

  async #freezeMounts(
    freeze: Freeze,
    mounts: readonly Mount[],
    signal: AbortSignal,
  ): Promise<void> {
    const { hook, marker, timeoutMs, monotonicClock } = this.#options;
    const { times, fileSystems } = freeze;
    await hook?.("freeze", signal);
    freeze.hookHasRun = true;
    signal.throwIfAborted();
    if (mounts.length === 0) return;
    await fileSystems.open(mounts);
    signal.throwIfAborted();
    // The hook's time is not the file systems'.
    const limit = timeoutMs > 0
      ? { seconds: timeoutMs / 1000, deadline: monotonicClock() + timeoutMs }
      : undefined;
    try {
      marker.write(mounts, { ...times, limit });
    } catch (error) {
      throw new FreezeError(`cannot write to the state directory: ${messageOf(error)}`);
    }
    if (timeoutMs > 0) {
      freeze.cancelTimer = this.#startTimer(() => void this.#thawByItself("timer"), timeoutMs);
    }
    await fileSystems.freeze(signal);
  }

  async #thawAndPublish(
    freeze: Freeze,
    freezing: Freezing | undefined,
    reason: ThawReason,
  ): Promise<number> {
    try {
      return await this.#thaw(freeze, freezing, reason);
    } catch (error) {
      if (error instanceof FreezeError) {
        this.#options.publish({ kind: "thaw-failed", reason, error: error.message });
      }
      throw error;
    } finally {
      if (this.#state.name === "thawing" && this.#state.freeze === freeze) {
        this.#state = { name: "frozen", freeze };
        this.#publishState();
      }
    }
  }

  #publishState(): void {
    const state = this.#state;
    const count = state.name === "thawed" ? 0 : state.freeze.fileSystems.frozen.length;
    this.#options.publish({ kind: "freeze-state", state: state.name, count });
  }

  async #thaw(freeze: Freeze, freezing: Freezing | undefined, reason: ThawReason): Promise<number> {
    const { fileSystems } = freeze;
    freezing?.stop.abort(this.#whyAbandoned(reason));
    freeze.cancelTimer();
    let failures = await fileSystems.thaw();
    if (freezing !== undefined && !await this.#freezingEnds(freezing)) {
      const stuck = new FreezeError(STUCK);
      failures.push(stuck.message);
      this.#state = { name: "freezing", freeze, freezing };
      freezing.stuck.reject(stuck);
      this.#publishState();
    } else if (fileSystems.frozen.length > 0) {
      // What the freezing could not thaw itself.
      failures = await fileSystems.thaw();
    }
    if (failures.length > 0) {
      freeze.cancelTimer = this.#startTimer(() => void this.#thawByItself(reason), RETRY_MS);
      throw new FreezeError(failures.join("; "));
    }
    this.#end(freeze, reason);
    if (freeze.hookHasRun) {
      const hook = this.#runHookAfterThaw();
      if (reason === "command") await hook;
      else {
        // Neither a shutdown nor a signal waits for it, nor fails with it.
        hook.catch((error) =>
          this.#options.log.error("the freeze hook has failed after the thaw", {
            reason,
            error: messageOf(error),
          })
        );
      }
    }
    return fileSystems.thawed;
  }

  /** Everything is thawed: tells so. */
  #end(freeze: Freeze, reason: ThawReason): void {
    const { pausable, log } = this.#options;
    freeze.fileSystems.close();
    // Before the marker goes: an agent that is killed in between has left one of the two.
    const ended = this.#writeDown(freeze, reason);
    const markerError = this.#removeMarker();
    this.#state = THAWED;
    const dropped = pausable.resume();
    this.#publishState();
    if (ended === "by the guard") this.reportLastFreeze();
    else if (ended !== undefined) {
      const { count, seconds } = ended;
      const level = reason === "command" || reason === "signal" || reason === "abort"
        ? "info"
        : "warn";
      log[level](THAWED_BY[reason], { reason, count, milliseconds: Math.round(seconds * 1000) });
      this.#options.publish({ kind: "thaw", reason, count, frozenSeconds: seconds });
      this.#publishLastFreeze(ended);
    }
    if (dropped > 0) log.warn("log lines of the time of the freeze were dropped", { dropped });
    if (markerError !== undefined) {
      log.warn("cannot remove the marker of the freeze", { error: markerError });
    }
  }

  /** Writes down how the freeze has ended; undefined when nothing was frozen. */
  #writeDown(
    { times: { since, startedAt }, fileSystems }: Freeze,
    endedBy: ThawReason,
  ): LastFreeze | "by the guard" | undefined {
    const last = this.#readLastFreeze();
    // What the guard has thawed cannot be thawed again.
    if (last?.endedBy === "guard" && last.since === since) return "by the guard";
    const count = fileSystems.thawed;
    if (count === 0 && endedBy === "abort") return undefined;
    const seconds = Math.round(this.#options.monotonicClock() - startedAt) / 1000;
    const ended: LastFreeze = {
      ...{ since, until: Date.now(), seconds, count, endedBy },
      ...(endedBy === "timer" ? { limitSeconds: this.#options.timeoutMs / 1000 } : {}),
      reported: true,
      told: false,
    };
    this.#writeLastFreeze(ended);
    return ended;
  }

  /** Waits for the end of the freezing; gives false when it takes too long for the caller. */
  async #freezingEnds(freezing: Freezing): Promise<boolean> {
    if (this.#closed) {
      await freezing.end.catch(() => {});
      return true;
    }
    const late = Promise.withResolvers<boolean>();
    const cancel = this.#startTimer(() => late.resolve(false), STUCK_MS);
    try {
      return await Promise.race([freezing.end.then(() => true, () => true), late.promise]);
    } finally {
      cancel();
    }
  }

  #whyAbandoned(reason: ThawReason): FreezeError {
    const cause = reason === "timer"
      ? `it took longer than --fsfreeze-timeout (${this.#options.timeoutMs} ms)`
      : reason === "signal"
      ? "the agent is stopping"
      : reason === "unguarded"
      ? "the guard has ended"
      : "a thaw was asked for";
    return new FreezeError(`the freeze was abandoned: ${cause}`);
  }

  #removeMarker(): string | undefined {
    try {
      this.#options.marker.remove();
      return undefined;
    } catch (error) {
      return messageOf(error);
    }
  }

  async #runHookAfterThaw(): Promise<void> {
    const { hook } = this.#options;
    if (hook === undefined) return;
    this.#hookAfterThaw = hook("thaw").finally(() => this.#hookAfterThaw = undefined);
    await this.#hookAfterThaw;
  }

  async #thawByItself(reason: ThawReason): Promise<void> {
    try {
      await this.thaw(reason);
    } catch (error) {
      this.#options.log.error("thaw failed", { reason, error: messageOf(error) });
    }
  }

  /** Thaws after a freeze failed with `error`, which matters more than what fails here. */
  async #thawAfterFailure(freeze: Freeze, error: unknown): Promise<void> {
    if (this.#state.name === "thawed" || this.#state.freeze !== freeze) return;
    try {
      await this.thaw("abort");
    } catch (failure) {
      this.#options.log.error("thaw failed", {
        reason: "abort",
        error: messageOf(failure),
        after: messageOf(error),
      });
    }
  }

  /**
   * Thaws when the guard ends while something is frozen. From then on an agent that is killed would leave
   * it so forever, and the guard cannot be started again when its own disk is frozen.
   */
  async #watchGuard(): Promise<void> {
    // One wait lasts over many freezes: it cannot be cancelled.
    if (this.#watchingGuard) return;
    this.#watchingGuard = true;
    try {
      await this.#options.guard.released();
    } catch (error) {
      this.#options.log.warn("the guard is not watched", { error: messageOf(error) });
      return;
    } finally {
      this.#watchingGuard = false;
    }
    if (this.#state.name !== "thawed") await this.#thawByItself("unguarded");
  }

  /** What the client must be told whose freeze has ended too early; undefined when there is nothing. */
  #tellLapse(): string | undefined {
    const last = this.#readLastFreeze();
    const lapse = last === undefined ? undefined : describeLapse(last);
    if (last !== undefined && lapse !== undefined) this.#writeLastFreeze({ ...last, told: true });
    return lapse;
  }

  #readLastFreeze(): LastFreeze | undefined {
    try {
      return this.#options.lastFreeze.read();
    } catch (error) {
      this.#options.log.warn("cannot read how the last freeze ended", { error: messageOf(error) });
      return undefined;
    }
  }

  #writeLastFreeze(last: LastFreeze): void {
    try {
      this.#options.lastFreeze.write(last);
    } catch (error) {
      this.#options.log.warn("cannot write down how the last freeze ended", {
        error: messageOf(error),
      });
    }
  }

  #publishLastFreeze({ since, seconds, count, endedBy }: LastFreeze): void {
    this.#options.publish({ kind: "last-freeze", since: since / 1000, seconds, count, endedBy });
  }
}

function nameAll(mounts: readonly Mount[]): string {
  return mounts.map(({ mountPoint }) => mountPoint).join(",");
}

function startTimeout(callback: () => void, milliseconds: number): () => void {
  const timer = setTimeout(callback, milliseconds);
  return () => clearTimeout(timer);
}
