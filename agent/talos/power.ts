import { faultSentence, messageOf } from "../fault.ts";
import type { Publish } from "../activity/activity.ts";
import type { Log } from "../log/log.ts";
import type { RebootMode } from "./machine_client.ts";
import type { DrainTimeout } from "./drain_timeout.ts";
import type { PowerCall, PowerCallResult } from "./power_call.ts";

export type { RebootMode } from "./machine_client.ts";

/** What a hypervisor can ask for. */
export type PowerAction = "powerdown" | "halt" | "reboot";

/** How power actions are done. */
export interface TalosPowerOptions {
  /** Path of machined's socket, in place of all about a talosconfig; undefined = not configured. */
  readonly socket?: string | undefined;
  /** File, or directory of a Talos ServiceAccount's Secret; undefined = not configured. */
  readonly talosconfig: string | undefined;
  /** Context in it; undefined = the one that it chooses. */
  readonly context: string | undefined;
  /** `HOST[:PORT]` of this node, trusted; empty = those of the talosconfig that are this node. */
  readonly endpoints: readonly string[];
  /** After so many milliseconds of drain the shutdown is forced; 0 = at once, undefined = never. */
  readonly drainTimeoutMs: number | undefined;
  /** Talos' mode for a reboot. */
  readonly rebootMode: RebootMode;
  /** For connecting, and for each call, in milliseconds. Default 10 000. */
  readonly callTimeoutMs?: number;
  /** Waits between the tries to force a shutdown, in milliseconds. Default 1, 2, 4, 8 seconds. */
  readonly forceRetryMs?: readonly number[];
  /** The first wait before Talos is asked once more how far a drain is, in milliseconds. Default 1000. */
  readonly eventsRetryMs?: number;
  /** A clock that never goes back, in milliseconds; for tests. */
  readonly monotonicNow?: () => number;
  /** This node's name. */
  readonly hostName: () => string;
  /** This node's IP addresses. */
  readonly ownAddresses: () => readonly string[];
  /** Sets TCP_NODELAY on the connections of this process. */
  readonly setTcpNoDelay: () => void;
  readonly log: Log;
  readonly publish: Publish;
}

/** A machine that still lives so long after it has accepted an action does not carry it out. */
const FORGET_AFTER_MS = 10 * 60_000;

const DEFAULT_FORCE_RETRY_MS = [1000, 2000, 4000, 8000];

/** What came of a power action, for those who are notified. */
interface PowerOutcome {
  /** Whether a command asks for it; default true. */
  readonly requested?: boolean;
  readonly outcome: "accepted" | "failed" | "repeated";
  /** gRPC code's name. */
  readonly code?: string | undefined;
  readonly error?: string;
  readonly seconds?: number;
}

/** The last action that Talos has accepted. */
interface UnderWay {
  readonly method: PowerCall["method"];
  /** On the monotonic clock. */
  readonly acceptedAt: number;
}

/**
 * Turns a hypervisor's power requests into calls of the Talos API of this node (see
 * `makePowerCall`): `powerdown` and `halt` into Shutdown, `reboot` into Reboot. A shutdown that
 * drains for too long is forced by a second call (see `DrainTimeout`). Other than that, nothing is
 * repeated while it is under way: a second Shutdown makes Talos start over with the first one's steps.
 */
export class TalosPower implements Disposable {
  readonly #options: TalosPowerOptions;
  readonly #now: () => number;
  readonly #stopped = new AbortController();
  #queue: Promise<void> = Promise.resolve();
  #underWay: UnderWay | undefined;
  #drainTimeout: DrainTimeout | undefined;

  constructor(options: TalosPowerOptions) {
    this.#options = options;
    this.#now = options.monotonicNow ?? (() => performance.now());
  }

  /**
   * Asks Talos for a power action; resolves when Talos has accepted it, which is long before it is
   * done. Requests are taken one after the other. One that repeats what is under way succeeds
   * without a call.
   *
   * @throws Error when Talos has not accepted it; the message is fit for a hypervisor's log.
   */
  request(action: PowerAction): Promise<void> {
    return this.#enqueue(() => this.#perform(action));
  }

  /**
   * Looks at the talosconfig or for the socket, without any network traffic.
   *
   * @returns a sentence that says what is wrong, or undefined.
   */
  async checkCredentials(): Promise<string | undefined> {
    const { socket, talosconfig, context, endpoints, publish } = this.#options;
    if (socket !== undefined) {
      const { findSocketFault } = await import("./machined_socket.ts");
      return faultSentence(await findSocketFault(socket));
    }
    if (talosconfig === undefined) return NOT_CONFIGURED;
    const { findCredentialsFault } = await import("./credentials/credentials_fault.ts");
    return await findCredentialsFault(talosconfig, context, endpoints, publish);
  }

  /** Stops waiting for the drain's end and gives up calls under way. */
  [Symbol.dispose](): void {
    this.#drainTimeout?.[Symbol.dispose]();
    this.#stopped.abort();
  }

  #enqueue(task: () => Promise<void>): Promise<void> {
    const result = this.#queue.then(task);
    // Whoever asked gets the failure; the next in the queue has nothing to do with it.
    this.#queue = result.then(undefined, () => {});
    return result;
  }

  async #perform(action: PowerAction): Promise<void> {
    const { log, drainTimeoutMs, rebootMode } = this.#options;
    log.info("power action requested", { action });
    const wanted: PowerCall = action === "reboot"
      ? { method: "Reboot", mode: rebootMode }
      : { method: "Shutdown", force: drainTimeoutMs === 0 };
    const underWay = this.#currentlyUnderWay();
    if (underWay?.method === wanted.method) {
      log.info("power action is under way already; Talos is not asked again", {
        action,
        method: wanted.method,
      });
      this.#publish(wanted, { outcome: "repeated" });
      return;
    }
    if (underWay?.method === "Shutdown") {
      const message = "a shutdown is under way, which a reboot cannot replace; try again when " +
        "the machine has been started, or in 10 minutes";
      log.error("power action failed", { action, reason: message });
      this.#publish(wanted, { outcome: "failed", error: message });
      throw new Error(message);
    }
    const accepted = await this.#call(action, wanted);
    if (wanted.method === "Shutdown" && !wanted.force && drainTimeoutMs !== undefined) {
      await this.#forceAfter(drainTimeoutMs, accepted, 0);
    }
  }

  #currentlyUnderWay(): UnderWay | undefined {
    const underWay = this.#underWay;
    if (underWay === undefined) return undefined;
    return this.#now() - underWay.acceptedAt < FORGET_AFTER_MS ? underWay : undefined;
  }

  async #call(action: PowerAction | "force", call: PowerCall): Promise<PowerCallResult> {
    const { log } = this.#options;
    const started = this.#now();
    const requested = action !== "force";
    const milliseconds = (): number => Math.round(this.#now() - started);
    const detail = call.method === "Shutdown" ? { force: call.force } : { mode: call.mode };
    try {
      const accepted = await this.#makeCall(call);
      this.#underWay = { method: call.method, acceptedAt: this.#now() };
      this.#drainTimeout?.[Symbol.dispose]();
      const seconds = milliseconds() / 1000;
      this.#publish(call, { outcome: "accepted", code: "OK", seconds, requested });
      log.info("power action accepted by Talos", {
        action,
        method: call.method,
        ...detail,
        endpoint: accepted.endpoint,
        actor: accepted.actorId,
        roles: accepted.roles.join(","),
        milliseconds: milliseconds(),
      });
      return accepted;
    } catch (error) {
      const reason = messageOf(error);
      log.error("power action failed", {
        action,
        method: call.method,
        ...detail,
        reason,
        milliseconds: milliseconds(),
      });
      this.#publish(call, {
        outcome: "failed",
        code: await codeOf(error),
        error: reason,
        seconds: milliseconds() / 1000,
        requested,
      });
      throw error;
    }
  }

  async #makeCall(call: PowerCall): Promise<PowerCallResult> {
    const { socket, talosconfig, publish } = this.#options;
    const { signal } = this.#stopped;
    const timeoutMs = this.#options.callTimeoutMs ?? 10_000;
    if (socket !== undefined) {
      const { makeSocketPowerCall } = await import("./machined_socket.ts");
      return await makeSocketPowerCall(call, socket, { timeoutMs, signal, publish });
    }
    if (talosconfig === undefined) throw new Error(NOT_CONFIGURED);
    const { makePowerCall } = await import("./power_call.ts");
    return await makePowerCall(call, { ...this.#options, talosconfig, timeoutMs }, signal);
  }

  #publish(call: PowerCall, outcome: PowerOutcome): void {
    this.#options.publish({
      kind: "power",
      action: call.method === "Shutdown" ? "shutdown" : "reboot",
      forced: call.method === "Shutdown" && call.force,
      requested: outcome.requested ?? true,
      outcome: outcome.outcome,
      code: outcome.code,
      error: outcome.error,
      seconds: outcome.seconds ?? 0,
    });
  }

  async #forceAfter(
    milliseconds: number,
    accepted: PowerCallResult,
    attempt: number,
  ): Promise<void> {
    const { DrainTimeout } = await import("./drain_timeout.ts");
    if (this.#stopped.signal.aborted) return;
    this.#drainTimeout = new DrainTimeout({
      accepted,
      milliseconds,
      retryMs: this.#options.eventsRetryMs,
      log: this.#options.log,
      onTimeout: () => void this.#enqueue(() => this.#force(accepted, attempt)),
    });
  }

  /** Never rejects: nobody waits for it, and `#call` has logged what failed. */
  async #force(accepted: PowerCallResult, attempt: number): Promise<void> {
    const { log, drainTimeoutMs, forceRetryMs } = this.#options;
    log.info("the drain has not ended within its time; forcing the shutdown", {
      drainTimeoutMs,
      attempt: attempt + 1,
    });
    try {
      await this.#call("force", { method: "Shutdown", force: true });
    } catch (error) {
      const { PowerCallError } = await import("./power_call.ts");
      if (error instanceof PowerCallError && error.mayHaveHappened) return;
      const wait = (forceRetryMs ?? DEFAULT_FORCE_RETRY_MS)[attempt];
      if (wait !== undefined) return await this.#forceAfter(wait, accepted, attempt + 1);
      log.error("the shutdown could not be forced; Talos continues with its drain", {
        attempts: attempt + 1,
      });
    }
  }
}

/** gRPC code's name of a failed call; undefined when there was none. */
async function codeOf(error: unknown): Promise<string | undefined> {
  const { PowerCallError } = await import("./power_call.ts");
  return error instanceof PowerCallError ? error.code : undefined;
}

const NOT_CONFIGURED =
  "no talosconfig is configured, so this machine cannot be shut down or rebooted; " +
  "set --talosconfig";
