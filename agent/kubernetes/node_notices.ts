import { EXPIRY_WARNING_SECONDS } from "../talos/credentials/expiry_warning.ts";
import type { Activity, PortState } from "../activity/activity.ts";

/** Something that whoever looks after the node should know. */
export interface NodeNotice {
  readonly type: "Normal" | "Warning";
  /** Why, in one CamelCase word; programs look for it. */
  readonly reason: string;
  /** What was done or attempted, in one CamelCase word. */
  readonly action: string;
  /** The same for people. */
  readonly note: string;
}

/** What `NodeNotices` needs. */
export interface NodeNoticesOptions {
  /** Gets each notice; it must be quick. */
  readonly send: (notice: NodeNotice) => void;
  /** How long file systems may be frozen before a notice is sent, in milliseconds. Default: 30 s. */
  readonly longFreezeMs?: number;
  /** How long the port may be missing before a notice is sent, in milliseconds. Default: 10 s. */
  readonly portPatienceMs?: number;
  /** The clock, in milliseconds since the epoch; for tests. */
  readonly now?: () => number;
}

/** A notice for the same reason is not given again for so long: a client can ask without end. */
const REPEAT_MS = 60_000;

/**
 * Tells from activities what to notice: shutdowns and reboots, long freezes, thaws that no command asked
 * for, a missing port, credentials that cannot be used or will soon expire. Give `take` to the feed.
 */
export class NodeNotices implements Disposable {
  readonly #options: NodeNoticesOptions;
  readonly #now: () => number;
  readonly #sentAt = new Map<string, number>();
  #frozen = 0;
  #longFreeze: ReturnType<typeof setTimeout> | undefined;
  #missingPort: ReturnType<typeof setTimeout> | undefined;
  #portState: PortState | undefined;
  #credentialsError: string | undefined;
  #warnedOfExpiry: number | undefined;

  constructor(options: NodeNoticesOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** Takes what happened. */
  readonly take = (activity: Activity): void => {
    switch (activity.kind) {
      case "power":
        return this.#takePower(activity);
      case "freeze-state":
        return this.#takeFreezeState(activity);
      case "thaw":
        return this.#takeThaw(activity);
      case "thaw-failed":
        return this.#warn("ThawFailed", "Thaw", `File systems stay frozen: ${activity.error}`);
      case "port":
        return this.#takePort(activity);
      case "credentials":
        return this.#takeCredentials(activity);
    }
  };

  /** Drops the notices that are not due yet. */
  [Symbol.dispose](): void {
    clearTimeout(this.#longFreeze);
    clearTimeout(this.#missingPort);
  }

  #takePower({ action, outcome, forced, error }: Extract<Activity, { kind: "power" }>): void {
    if (outcome === "repeated") return;
    const word = action === "shutdown" ? "Shutdown" : "Reboot";
    if (outcome === "failed") {
      this.#warn(`${word}Failed`, word, `The ${action} that the hypervisor asked for: ${error}`);
      return;
    }
    this.#send({
      type: "Normal",
      reason: forced ? `${word}Forced` : `${word}Requested`,
      action: word,
      note: `The hypervisor asked for a ${action}, and Talos has accepted it` +
        (forced ? ", without a drain or after it took too long" : ""),
    });
  }

  #takeFreezeState({ state, count }: Extract<Activity, { kind: "freeze-state" }>): void {
    this.#frozen = count;
    if (state === "thawed") {
      clearTimeout(this.#longFreeze);
      this.#longFreeze = undefined;
      return;
    }
    if (this.#longFreeze !== undefined) return;
    const { longFreezeMs = 30_000 } = this.#options;
    this.#longFreeze = setTimeout(() => {
      this.#warn(
        "FrozenTooLong",
        "Freeze",
        `${this.#frozen} file systems have been frozen for ${
          longFreezeMs / 1000
        } s: what writes there hangs`,
      );
    }, longFreezeMs);
  }

  #takeThaw({ reason, count, frozenSeconds }: Extract<Activity, { kind: "thaw" }>): void {
    const why = {
      timer: "since no thaw came in time; a backup made of them is not consistent",
      start: "which an agent that was killed had left frozen",
      signal: "since the agent is being stopped",
      guard: "by the guard, since the agent was killed or had not thawed them in time",
      unguarded: "since the guard has ended",
      command: undefined,
      shutdown: undefined,
      abort: undefined,
    }[reason];
    if (why === undefined) return;
    const time = `after ${Math.round(frozenSeconds)} s`;
    this.#warn("ThawedByAgent", "Thaw", `${count} file systems were thawed ${time}, ${why}`);
  }

  #takePort({ state, reason }: Extract<Activity, { kind: "port" }>): void {
    if (state === this.#portState) return;
    this.#portState = state;
    clearTimeout(this.#missingPort);
    if (state !== "absent" && state !== "busy") return;
    const { portPatienceMs = 10_000 } = this.#options;
    this.#missingPort = setTimeout(() => {
      const word = state === "absent" ? "PortAbsent" : "PortBusy";
      this.#warn(word, "OpenPort", `The hypervisor cannot reach the guest agent: ${reason}`);
    }, portPatienceMs);
  }

  #takeCredentials(
    { source, expires, error }: Extract<Activity, { kind: "credentials" }>,
  ): void {
    if (error !== this.#credentialsError) {
      this.#credentialsError = error;
      if (error !== undefined) {
        this.#warn("CredentialsUnusable", "ReadCredentials", `No shutdown is possible: ${error}`);
      }
    }
    if (expires === undefined || expires === this.#warnedOfExpiry) return;
    const left = expires * 1000 - this.#now();
    if (left > EXPIRY_WARNING_SECONDS[source] * 1000) return;
    this.#warnedOfExpiry = expires;
    const when = new Date(expires * 1000).toISOString();
    this.#warn(
      "CredentialsExpire",
      "ReadCredentials",
      `The Talos credentials ${left > 0 ? "expire" : "expired"} at ${when}: no shutdown is ` +
        `possible ${left > 0 ? "then" : "any more"}`,
    );
  }

  #warn(reason: string, action: string, note: string): void {
    this.#send({ type: "Warning", reason, action, note });
  }

  #send(notice: NodeNotice): void {
    const now = this.#now();
    const sentAt = this.#sentAt.get(notice.reason);
    if (sentAt !== undefined && now - sentAt < REPEAT_MS) return;
    this.#sentAt.set(notice.reason, now);
    this.#options.send(notice);
  }
}
