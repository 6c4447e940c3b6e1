import { messageOf } from "../fault.ts";
import type { Activity } from "../activity/activity.ts";
import { type HttpResponse, textResponse } from "./server.ts";

/** One of the things that make the agent ready. */
export interface Condition {
  readonly name: "port" | "serving" | "credentials";
  readonly ok: boolean;
  /** False where the agent is ready without it. */
  readonly counts: boolean;
  /** What is wrong, or in a few words what is right. */
  readonly reason: string;
}

/** What readiness is made of besides activities. */
export interface ReadinessOptions {
  /** The conditions that count, beside the one that always does. */
  readonly counting: readonly ("port" | "credentials")[];
  /** Whether the loop that serves the hypervisor has come to an end. */
  readonly portLoopEnded: () => boolean;
  /**
   * Looks at the talosconfig and gives what is wrong with it; undefined when none is configured, so
   * that nothing depends on it.
   */
  readonly checkCredentials: (() => Promise<string | undefined>) | undefined;
  /** A clock that never goes back, in milliseconds; for tests. */
  readonly monotonicNow?: () => number;
}

/** How long a look at the credentials counts. They are replaced every few hours. */
const CHECK_AGAIN_MS = 30_000;

/** Whether the agent can do what it is there for; give `take` to the feed of activities. */
export class Readiness {
  readonly #options: ReadinessOptions;
  readonly #now: () => number;
  #port: Extract<Activity, { kind: "port" }> | undefined;
  #fault: string | undefined;
  #checkedAt: number | undefined;
  #checking: Promise<void> | undefined;

  constructor(options: ReadinessOptions) {
    this.#options = options;
    this.#now = options.monotonicNow ?? (() => performance.now());
  }

  /** Takes what happened. */
  readonly take = (activity: Activity): void => {
    if (activity.kind === "port") this.#port = activity;
  };

  /** All conditions as they are now. */
  async conditions(): Promise<Condition[]> {
    const conditions = [this.#portCondition(), this.#servingCondition()];
    const { checkCredentials } = this.#options;
    if (checkCredentials !== undefined) {
      await this.lookAtCredentials();
      conditions.push({
        name: "credentials",
        ok: this.#fault === undefined,
        counts: this.#options.counting.includes("credentials"),
        reason: this.#fault ?? "they can be used",
      });
    }
    return conditions;
  }

  /** Looks at the credentials unless that was done a short while ago; never throws. */
  async lookAtCredentials(): Promise<void> {
    const { checkCredentials } = this.#options;
    if (checkCredentials === undefined) return;
    const now = this.#now();
    if (this.#checkedAt !== undefined && now - this.#checkedAt < CHECK_AGAIN_MS) return;
    this.#checking ??= this.#check(checkCredentials).finally(() => this.#checking = undefined);
    await this.#checking;
  }

  async #check(checkCredentials: () => Promise<string | undefined>): Promise<void> {
    try {
      this.#fault = await checkCredentials();
    } catch (error) {
      this.#fault = messageOf(error);
    }
    this.#checkedAt = this.#now();
  }

  #portCondition(): Condition {
    const { state, path = "the port", reason } = this.#port ?? {};
    const counts = this.#options.counting.includes("port") && state !== "not-a-guest";
    const condition = { name: "port", counts } as const;
    switch (state) {
      case "connected":
        return { ...condition, ok: true, reason: `a client talks on ${path}` };
      case "waiting":
        return { ...condition, ok: true, reason: `${path} is open and waits for a client` };
      default:
        return { ...condition, ok: false, reason: reason ?? "it was not looked for yet" };
    }
  }

  #servingCondition(): Condition {
    const ok = !this.#options.portLoopEnded();
    const reason = ok ? "requests are answered" : "the hypervisor's port is not served any more";
    return { name: "serving", ok, counts: true, reason };
  }
}

/** The page /readyz: a line, or with `verbose` a JSON object with all conditions. */
export function readinessPage(conditions: readonly Condition[], verbose: boolean): HttpResponse {
  const missing = conditions.filter(({ ok }) => !ok);
  const faults = missing.filter(({ counts }) => counts);
  const ready = faults.length === 0;
  const status = ready ? 200 : 503;
  if (verbose) {
    const body = `${JSON.stringify({ ready, conditions }, undefined, 2)}\n`;
    return { status, type: "application/json", body };
  }
  if (!ready) {
    return textResponse(status, faults.map(({ name, reason }) => `${name}: ${reason}`).join("; "));
  }
  const uncounted = missing.map(({ name, reason }) => `; ${name} does not count: ${reason}`);
  return textResponse(status, `ready${uncounted.join("")}`);
}
