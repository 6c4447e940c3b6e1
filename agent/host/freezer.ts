import type { Publish } from "../telemetry/activity.ts";
import type { Log } from "../telemetry/log.ts";
import type { DeviceNumber } from "./file_status.ts";
import type { FileSystemCalls } from "./file_system_thread.ts";
import type { FreezeMarker, MarkedDevices } from "./freeze_marker.ts";
import { freezeOrder } from "./freeze_order.ts";
import type { FsfreezeHook } from "./fsfreeze_hook.ts";
import { Errno, LibcError } from "./libc.ts";
import type { Mount } from "./mount_table.ts";

/** How long to wait before a thaw that failed is tried again. */
const RETRY_MS = 5000;
/** How long a thaw waits for the FIFREEZE under way: with storage that is gone it never returns. */
const STUCK_MS = 10_000;

const NOTHING_TO_FREEZE =
  "no file system to freeze: the agent sees none on a block device that it is to freeze. Check that " +
  "the host's / is mounted at --path-rootfs, and what --fsfreeze-include, --fsfreeze-exclude and " +
  "the request's list leave; --fsfreeze-allow-empty makes this a success";
const NOTHING_FROZEN =
  "no file system was frozen: those that are to be frozen cannot be, or somebody else has frozen " +
  "them; --fsfreeze-allow-empty makes this a success";

/** `freezing` and `thawing` mean that some file systems are frozen and others not. */
export type FreezeState = "thawed" | "freezing" | "frozen" | "thawing";

/**
 * Why file systems were thawed: a client's command, the time limit, a signal that stops the agent, a
 * shutdown, a freeze that did not succeed, or a marker that the last process left.
 */
export type ThawReason = "command" | "timer" | "signal" | "shutdown" | "abort" | "start";

/** What is known of a thaw. */
export interface Thaw {
  readonly reason: ThawReason;
  /** When it ended, in milliseconds since the epoch. */
  readonly time: number;
  /** How many file systems were thawed. */
  readonly count: number;
  /** From the beginning of the freeze until all were thawed; from the agent's start for `start`. */
  readonly milliseconds: number;
}

/** Where log lines wait while nothing may be written; see `HeldBackLines`. */
export interface HeldBack {
  hold(): void;
  /** @returns how many lines were dropped */
  release(): number;
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
  readonly marker: Pick<FreezeMarker, "write" | "read" | "remove" | "released">;
  /** Starts a thread for the calls that block. */
  readonly startThread: () => Promise<FileSystemCalls>;
  readonly hook: FsfreezeHook | undefined;
  /** After this time everything is thawed; 0: never. */
  readonly timeoutMs: number;
  /** Whether a freeze of nothing is a success. */
  readonly allowEmpty: boolean;
  readonly log: Log;
  readonly publish: Publish;
  readonly heldBack: HeldBack;
  /** Calls back after a time; gives what cancels that. For tests. */
  readonly startTimer?: (callback: () => void, milliseconds: number) => () => void;
}

/** A freeze or a thaw that did not succeed, in words for the client. */
export class FreezeError extends Error {
  override readonly name = "FreezeError";
}

/** A freeze that found nothing that it could freeze. */
class NothingFrozenError extends FreezeError {}

interface OpenedMount {
  readonly mount: Mount;
  readonly handle: number;
}

/** A freeze from its beginning to the end of its thaw. */
interface Freeze {
  readonly startedAt: number;
  /** Aborted when nothing more may be frozen; the reason is what the freeze fails with. */
  readonly stop: AbortController;
  /** Settles when no FIFREEZE is under way and none will follow. */
  walk: Promise<void>;
  walking: boolean;
  /** Rejects when a thaw has waited in vain for the end of the walk. */
  readonly stuck: PromiseWithResolvers<never>;
  hookHasRun: boolean;
  /** The thread that may be stuck in FIFREEZE, and the one that thaws all the same. */
  freezingThread: FileSystemCalls | undefined;
  thawingThread: FileSystemCalls | undefined;
  /** Everything open; closed at the end. */
  readonly opened: OpenedMount[];
  /** What is frozen by us, in the order in which it was frozen. */
  readonly frozen: OpenedMount[];
  /** What an earlier process may have frozen, as long as that has not been opened. */
  marked: MarkedDevices | undefined;
  /** How many file systems were thawed until now. */
  thawed: number;
  cancelTimer: () => void;
  thawing: Promise<number> | undefined;
}

/**
 * Freezes the file systems for a backup and thaws them, come what may: by command, after a time, when
 * the agent is stopped, when a freeze fails half way, and at the next start when the agent was killed.
 *
 * Everything that a thaw needs is there before the first file system is frozen: directory handles,
 * threads with their functions bound, and the marker. Nothing is written or logged until the last one
 * is thawed. A thaw does not wait for a FIFREEZE that is under way (it can take long, and could wait for
 * what is frozen already): what is frozen is thawed at once by another thread, and the one under way as
 * soon as it is done.
 */
export class Freezer implements AsyncDisposable {
  readonly #options: FreezerOptions;
  readonly #startTimer: NonNullable<FreezerOptions["startTimer"]>;
  #freeze: Freeze | undefined;
  #lastThaw: Thaw | undefined;
  #hookAfterThaw: Promise<void> | undefined;
  #closed = false;

  constructor(options: FreezerOptions) {
    this.#options = options;
    this.#startTimer = options.startTimer ?? startTimeout;
  }

  /** What the agent has frozen; a freeze by others is not seen. */
  get state(): FreezeState {
    if (this.#freeze === undefined) return "thawed";
    if (this.#freeze.thawing !== undefined) return "thawing";
    return this.#freeze.walking ? "freezing" : "frozen";
  }

  /** The last thaw that had something to end. */
  get lastThaw(): Thaw | undefined {
    return this.#lastThaw;
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
    const startedAt = performance.now();
    const publish = (outcome: "frozen" | "nothing" | "failed", count: number, error?: string) => {
      const seconds = (performance.now() - startedAt) / 1000;
      this.#options.publish({ kind: "freeze", outcome, count, seconds, error });
    };
    try {
      const count = await this.#freezeAll(mountPoints);
      publish(count === 0 ? "nothing" : "frozen", count);
      return count;
    } catch (error) {
      publish(error instanceof NothingFrozenError ? "nothing" : "failed", 0, messageOf(error));
      throw error;
    }
  }

  async #freezeAll(mountPoints: readonly string[] | undefined): Promise<number> {
    if (this.#hookAfterThaw !== undefined) await this.#hookAfterThaw.catch(() => {});
    if (this.#closed) throw new FreezeError("the agent is stopping");
    if (this.#freeze !== undefined) throw new FreezeError("the file systems are frozen already");
    const { allowEmpty, heldBack, log } = this.#options;
    const mounts = this.#select(mountPoints);
    if (mounts.length === 0 && !allowEmpty) throw new NothingFrozenError(NOTHING_TO_FREEZE);
    log.info("freezing file systems", { mountPoints: nameAll(mounts) });
    heldBack.hold();
    const freeze = newFreeze();
    this.#freeze = freeze;
    freeze.walking = true;
    this.#publishState();
    freeze.walk = this.#walk(freeze, mounts).finally(() => freeze.walking = false);
    try {
      await Promise.race([freeze.walk, freeze.stuck.promise]);
      freeze.stop.signal.throwIfAborted();
    } catch (error) {
      await this.#thawAfterFailure(freeze, error);
      log.warn("file systems not frozen", { error: messageOf(error) });
      throw error;
    }
    const count = freeze.frozen.length;
    if (count === 0) {
      await this.thaw("abort");
      if (!allowEmpty) throw new NothingFrozenError(NOTHING_FROZEN);
    }
    this.#publishState();
    log.info("file systems frozen", {
      count,
      mountPoints: nameAll(freeze.frozen.map(({ mount }) => mount)),
      milliseconds: Math.round(performance.now() - freeze.startedAt),
    });
    return count;
  }

  /**
   * Thaws what this process has frozen, or what the marker says that an earlier one has; a freeze that
   * is under way fails. It may be called at any time, also while another thaw is under way: both give
   * the same. The hook runs after a thaw, and for a command even when there was nothing to thaw.
   *
   * @returns how many were thawed; 0 when nothing was frozen
   * @throws FreezeError when some stay frozen: then the state does, and it is tried again by itself
   * @throws Error when the hook fails; everything is thawed then
   */
  async thaw(reason: ThawReason): Promise<number> {
    const freeze = this.#freeze;
    if (freeze === undefined) {
      if (reason === "command") await this.#runHookAfterThaw();
      return 0;
    }
    freeze.thawing ??= this.#thawAndPublish(freeze, reason);
    return await freeze.thawing;
  }

  /**
   * Waits until no other process of the agent has anything frozen: what one that lives has frozen is
   * its own, and one that was killed in the middle of a FIFREEZE freezes all the same.
   *
   * @throws Error of Deno when the marker exists and cannot be read
   */
  async otherProcessDone(): Promise<void> {
    await this.#options.marker.released();
  }

  /**
   * Takes over what an earlier process left frozen: from then on the state is `frozen`, and `thaw`
   * thaws it.
   *
   * @returns whether there was a marker
   * @throws Error of Deno when it exists and cannot be read
   */
  takeOver(): boolean {
    if (this.#freeze !== undefined) return true;
    const marked = this.#options.marker.read();
    if (marked === undefined) return false;
    this.#options.heldBack.hold();
    this.#freeze = { ...newFreeze(), marked, hookHasRun: true };
    this.#publishState();
    return true;
  }

  /** Thaws; nothing is frozen afterwards. What fails is logged, and the marker stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    try {
      await this.#thawToStop();
    } catch (error) {
      this.#freeze?.cancelTimer();
      this.#options.heldBack.release();
      this.#options.log.error("the agent stops without a whole thaw", { error: messageOf(error) });
    }
    await this.#hookAfterThaw?.catch(() => {});
  }

  /** Whoever stops while a FIFREEZE is under way must wait: nobody else would thaw. */
  async #thawToStop(): Promise<void> {
    try {
      await this.thaw("signal");
    } catch (error) {
      if (this.#freeze?.walking !== true) throw error;
      await this.thaw("signal");
    }
  }

  #select(mountPoints: readonly string[] | undefined): Mount[] {
    let mounts: readonly Mount[];
    try {
      mounts = this.#options.mounts();
    } catch (error) {
      throw new FreezeError(`cannot read the mounts: ${messageOf(error)}`, { cause: error });
    }
    return freezeOrder(
      mounts.filter(({ mountPoint }) => mountPoints?.includes(mountPoint) ?? true),
    );
  }

  async #walk(freeze: Freeze, mounts: readonly Mount[]): Promise<void> {
    const { hook, marker, startThread, timeoutMs } = this.#options;
    const { signal } = freeze.stop;
    await hook?.("freeze", signal);
    freeze.hookHasRun = true;
    signal.throwIfAborted();
    if (mounts.length === 0) return;
    freeze.freezingThread = await startThread();
    freeze.thawingThread = await startThread();
    for (const mount of mounts) {
      const handle = await openMount(freeze.freezingThread, mount);
      freeze.opened.push({ mount, handle });
    }
    signal.throwIfAborted();
    try {
      marker.write(mounts);
    } catch (error) {
      throw new FreezeError(`cannot write to the state directory: ${messageOf(error)}`);
    }
    if (timeoutMs > 0) {
      freeze.cancelTimer = this.#startTimer(() => void this.#thawByItself("timer"), timeoutMs);
    }
    for (const opened of freeze.opened) {
      await freezeOne(freeze, freeze.freezingThread, opened);
      signal.throwIfAborted();
    }
  }

  async #thawAndPublish(freeze: Freeze, reason: ThawReason): Promise<number> {
    this.#publishState("thawing");
    try {
      return await this.#thaw(freeze, reason);
    } catch (error) {
      if (error instanceof FreezeError) {
        this.#options.publish({ kind: "thaw-failed", reason, error: error.message });
      }
      throw error;
    } finally {
      freeze.thawing = undefined;
      if (this.#freeze === freeze) this.#publishState();
    }
  }

  #publishState(state = this.state): void {
    const count = this.#freeze?.frozen.length ?? 0;
    this.#options.publish({ kind: "freeze-state", state, count });
  }

  async #thaw(freeze: Freeze, reason: ThawReason): Promise<number> {
    const { heldBack, log } = this.#options;
    freeze.stop.abort(this.#whyGivenUp(reason));
    freeze.cancelTimer();
    let failures = await this.#thawFrozen(freeze);
    if (!await this.#walkEnds(freeze)) {
      const stuck = new FreezeError(
        "the kernel has not come back from freezing a file system; it is thawed as soon as that is done",
      );
      freeze.stuck.reject(stuck);
      failures.push(stuck.message);
    } else if (freeze.frozen.length > 0) {
      // What the walk could not thaw itself.
      failures = await this.#thawFrozen(freeze);
    }
    if (failures.length > 0) {
      freeze.cancelTimer = this.#startTimer(() => void this.#thawByItself(reason), RETRY_MS);
      throw new FreezeError(failures.join("; "));
    }
    await this.#close(freeze);
    const faultOfMarker = this.#removeMarker();
    this.#freeze = undefined;
    const dropped = heldBack.release();
    const count = freeze.thawed;
    this.#publishState();
    if (count > 0 || reason !== "abort") {
      const milliseconds = Math.round(performance.now() - freeze.startedAt);
      this.#lastThaw = { reason, time: Date.now(), count, milliseconds };
      const level = reason === "timer" || reason === "start" ? "warn" : "info";
      log[level](THAWED_BY[reason], { reason, count, milliseconds });
      this.#options.publish({
        kind: "thaw",
        reason,
        count,
        frozenSeconds: milliseconds / 1000,
      });
    }
    if (dropped > 0) log.warn("log lines of the time of the freeze were dropped", { dropped });
    if (faultOfMarker !== undefined) {
      log.warn("cannot remove the marker of the freeze", { error: faultOfMarker });
    }
    if (freeze.hookHasRun) await this.#runHookAfterThaw();
    return count;
  }

  /** Waits for the end of the walk; gives false when it takes too long for one who goes on. */
  async #walkEnds(freeze: Freeze): Promise<boolean> {
    if (this.#closed) {
      await freeze.walk.catch(() => {});
      return true;
    }
    const late = Promise.withResolvers<boolean>();
    const cancel = this.#startTimer(() => late.resolve(false), STUCK_MS);
    try {
      return await Promise.race([freeze.walk.then(() => true, () => true), late.promise]);
    } finally {
      cancel();
    }
  }

  #whyGivenUp(reason: ThawReason): FreezeError {
    const cause = reason === "timer"
      ? `it took longer than --fsfreeze-timeout (${this.#options.timeoutMs} ms)`
      : reason === "signal"
      ? "the agent is stopping"
      : "a thaw was asked for";
    return new FreezeError(`the freeze was given up: ${cause}`);
  }

  /** Thaws in the reverse order of the freeze. Gives what went wrong; that stays in `frozen`. */
  async #thawFrozen(freeze: Freeze): Promise<string[]> {
    if (freeze.frozen.length === 0 && freeze.marked === undefined) return [];
    const failures: string[] = [];
    try {
      const thread = freeze.thawingThread ??= await this.#options.startThread();
      if (freeze.marked !== undefined) failures.push(...await this.#openMarked(freeze, thread));
      for (const opened of freeze.frozen.toReversed()) {
        const failure = await thawOne(freeze, thread, opened);
        if (failure === undefined) forget(freeze, opened);
        else failures.push(failure);
      }
    } catch (error) {
      // The thread itself has failed: the next try gets another one.
      freeze.thawingThread?.[Symbol.dispose]();
      freeze.thawingThread = undefined;
      failures.push(`failed to thaw: ${messageOf(error)}`);
    }
    return failures;
  }

  /** Opens what the marker names as if it had just been frozen. Gives what went wrong. */
  async #openMarked(freeze: Freeze, thread: FileSystemCalls): Promise<string[]> {
    const { marked } = freeze;
    const mounts = freezeOrder(this.#options.allMounts());
    const isMarked = ({ device }: Mount): boolean =>
      marked === "all" ||
      (marked ?? []).some(({ major, minor }) => major === device.major && minor === device.minor);
    const isOpen = (mount: Mount): boolean =>
      freeze.opened.some((opened) => opened.mount.mountPoint === mount.mountPoint);
    const failures: string[] = [];
    for (const mount of mounts.filter((mount) => isMarked(mount) && !isOpen(mount))) {
      try {
        const opened = { mount, handle: await openMount(thread, mount) };
        freeze.opened.push(opened);
        freeze.frozen.push(opened);
      } catch (error) {
        if (!(error instanceof FreezeError)) throw error;
        failures.push(error.message);
      }
    }
    if (failures.length > 0) return failures;
    freeze.marked = undefined;
    if (marked === "all") return [];
    const isMounted = ({ major, minor }: DeviceNumber): boolean =>
      mounts.some(({ device }) => device.major === major && device.minor === minor);
    for (const device of (marked ?? []).filter((device) => !isMounted(device))) {
      this.#options.log.warn("a device that may be frozen is mounted nowhere any more", {
        device: `${device.major}:${device.minor}`,
      });
    }
    return [];
  }

  async #close(freeze: Freeze): Promise<void> {
    const { freezingThread, thawingThread } = freeze;
    const thread = thawingThread ?? freezingThread;
    try {
      for (const { handle } of freeze.opened) await thread?.close(handle);
    } catch (error) {
      this.#options.log.warn("cannot close the handles of a freeze", { error: messageOf(error) });
    }
    freezingThread?.[Symbol.dispose]();
    thawingThread?.[Symbol.dispose]();
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
    if (this.#freeze !== freeze) return;
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
}

const THAWED_BY: Readonly<Record<ThawReason, string>> = {
  command: "file systems thawed",
  timer: "file systems thawed: nobody did so within --fsfreeze-timeout",
  signal: "file systems thawed: the agent is stopping",
  shutdown: "file systems thawed: the machine shuts down",
  abort: "file systems thawed: the freeze did not succeed",
  start: "file systems thawed that the last process had left frozen",
};

function newFreeze(): Freeze {
  const stuck = Promise.withResolvers<never>();
  // Nobody waits for it after the walk.
  stuck.promise.catch(() => {});
  return {
    stuck,
    startedAt: performance.now(),
    stop: new AbortController(),
    walk: Promise.resolve(),
    walking: false,
    hookHasRun: false,
    freezingThread: undefined,
    thawingThread: undefined,
    opened: [],
    frozen: [],
    marked: undefined,
    thawed: 0,
    cancelTimer: () => {},
    thawing: undefined,
  };
}

async function openMount(thread: FileSystemCalls, mount: Mount): Promise<number> {
  try {
    return await thread.open(mount.path);
  } catch (error) {
    if (!(error instanceof LibcError)) throw error;
    throw new FreezeError(`failed to open ${mount.mountPoint}: ${error.explanation}`);
  }
}

async function freezeOne(
  freeze: Freeze,
  thread: FileSystemCalls,
  opened: OpenedMount,
): Promise<void> {
  try {
    await thread.freeze(opened.handle);
  } catch (error) {
    if (!(error instanceof LibcError)) {
      // The thread has failed, and nobody knows what the kernel does.
      freeze.frozen.push(opened);
      throw error;
    }
    if (error.errno === Errno.EBUSY || error.errno === Errno.EOPNOTSUPP) return;
    throw new FreezeError(`failed to freeze ${opened.mount.mountPoint}: ${error.explanation}`);
  }
  freeze.frozen.push(opened);
  if (!freeze.stop.signal.aborted) return;
  // Not left to the thaw under way, which may wait for this one: a loop device can lie on it.
  if (await thawOne(freeze, thread, opened) === undefined) forget(freeze, opened);
}

function forget({ frozen }: Freeze, opened: OpenedMount): void {
  const index = frozen.indexOf(opened);
  if (index >= 0) frozen.splice(index, 1);
}

/** Thaws until the kernel says that it is thawed. Gives what went wrong. */
async function thawOne(
  freeze: Freeze,
  thread: FileSystemCalls,
  { handle, mount }: OpenedMount,
): Promise<string | undefined> {
  for (let count = 0;; count++) {
    try {
      await thread.thaw(handle);
    } catch (error) {
      if (!(error instanceof LibcError)) throw error;
      if (count > 0) freeze.thawed++;
      if (error.errno === Errno.EINVAL) return undefined;
      return `failed to thaw ${mount.mountPoint}: ${error.explanation}`;
    }
  }
}

function nameAll(mounts: readonly Mount[]): string {
  return mounts.map(({ mountPoint }) => mountPoint).join(",");
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function startTimeout(callback: () => void, milliseconds: number): () => void {
  const timer = setTimeout(callback, milliseconds);
  return () => clearTimeout(timer);
}
