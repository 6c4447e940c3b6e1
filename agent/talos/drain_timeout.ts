import { messageOf } from "../fault.ts";
import type { Log } from "../log/log.ts";
import { sleep } from "../sleep.ts";
import type { MachineClient } from "./machine_client.ts";
import type { PowerCallResult } from "./power_call.ts";
import { TalosError } from "./talos_error.ts";

/** How a drain is waited for. */
export interface DrainTimeoutOptions {
  /** The shutdown that Talos has accepted. */
  readonly accepted: PowerCallResult;
  /** How long its drain may take, in milliseconds. */
  readonly milliseconds: number;
  /** Wait before Talos is asked once more how far it is, in milliseconds; doubled each time. Default 1000. */
  readonly retryMs?: number | undefined;
  readonly log: Log;
  /** Called when the time is over and the drain, as far as Talos tells, is not. */
  readonly onTimeout: () => void;
}

/** The longest time that a timer can wait for. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The step of Talos' shutdown sequence that evicts the node's pods, and the one after it. */
const DRAIN = "drain";
const AFTER_THE_DRAIN = "cleanup";

/**
 * The time that the drain of a shutdown may take. Talos is followed meanwhile: once it is past the
 * drain, nothing times out any more, for a shutdown that is forced then begins anew, which only
 * makes it longer. Disposed of, it waits no longer.
 */
export class DrainTimeout implements Disposable {
  readonly #options: DrainTimeoutOptions;
  readonly #timer: ReturnType<typeof setTimeout>;
  readonly #over = new AbortController();

  constructor(options: DrainTimeoutOptions) {
    this.#options = options;
    this.#timer = setTimeout(() => {
      this.#over.abort();
      options.onTimeout();
    }, Math.min(options.milliseconds, LONGEST_TIMER_MS));
    const { actorId } = options.accepted;
    if (actorId !== undefined) void this.#follow(actorId);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#over.abort();
  }

  /** Never rejects: nobody waits for it. */
  async #follow(actorId: string): Promise<void> {
    const { log, accepted, retryMs = 1000 } = this.#options;
    const { signal } = this.#over;
    for (let wait = retryMs;; wait *= 2) {
      const failure = await this.#lookForTheEnd(actorId);
      if (signal.aborted) return;
      if (failure === undefined) {
        this[Symbol.dispose]();
        log.info("Talos is past the drain, so the shutdown is not forced", { actor: actorId });
        return;
      }
      log.warn(
        "Talos does not tell how far the drain is, so the shutdown is forced after its time",
        {
          actor: actorId,
          endpoint: accepted.endpoint,
          reason: failure.reason,
        },
      );
      if (!failure.mayPass) return;
      try {
        await sleep(wait, signal);
      } catch {
        // Only when there is nothing to wait for any more.
        return;
      }
    }
  }

  /** Undefined when the drain is over, else why Talos does not tell. */
  async #lookForTheEnd(
    actorId: string,
  ): Promise<{ readonly reason: string; readonly mayPass: boolean } | undefined> {
    try {
      using client = await this.#options.accepted.connect(this.#over.signal);
      if (await isPastTheDrain(client, actorId)) return undefined;
      return { reason: "it has ended its events", mayPass: true };
    } catch (error) {
      const isRefused = error instanceof TalosError && error.failure === "status" &&
        error.codeName !== "UNAVAILABLE";
      return { reason: messageOf(error), mayPass: !isRefused };
    }
  }
}

/** Waits until the drain has ended, has failed or is left out; false when Talos stops telling. */
async function isPastTheDrain(client: MachineClient, actorId: string): Promise<boolean> {
  for await (const { phase, isOver } of client.phases(actorId)) {
    if (phase === AFTER_THE_DRAIN || (phase === DRAIN && isOver)) return true;
  }
  return false;
}
