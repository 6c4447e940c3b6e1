import type { FreezeState } from "./freeze_state.ts";
import { messageOf } from "../fault.ts";
import type { ThawReason } from "./thaw_reason.ts";
import type { CommandFamily } from "./command_family.ts";
import type { Log } from "../log/log.ts";

/**
 * How the way to the hypervisor stands: `absent` (there is no such device, or it cannot be used),
 * `busy` (somebody else has it open), `waiting` (open, and nobody talks), `connected` (a client talks),
 * `not-a-guest` (there is none, and none to expect: the machine is no guest of QEMU).
 */
export const PORT_STATES = ["absent", "busy", "waiting", "connected", "not-a-guest"] as const;

/** One of `PORT_STATES`. */
export type PortState = typeof PORT_STATES[number];

/** What a request's command is called when the agent does not know it: names come from outside. */
export const UNKNOWN_COMMAND = "unknown";

/** How a request ended; `blocked` when the policy did not let its command run. */
export type RequestOutcome = "success" | "error" | "blocked";

/**
 * How a freeze ended: everything is frozen, nothing could be (`nothing`), or it was abandoned and what was
 * frozen is thawed again (`failed`).
 */
export const FREEZE_OUTCOMES = ["frozen", "nothing", "failed"] as const;

/** What became of a power action: `repeated` when it was under way already, and Talos was not asked again. */
export const POWER_OUTCOMES = ["accepted", "failed", "repeated"] as const;

/** Where credentials come from: a talosconfig, or a Talos ServiceAccount's Secret. */
export type CredentialsSource = "talosconfig" | "serviceAccount";

/** What the agent does and notices. Times are in seconds, points in time in seconds of the epoch. */
export type Activity =
  | {
    /** The port's state has changed. */
    readonly kind: "port";
    readonly state: PortState;
    /** The device or socket; undefined as long as it is not known. */
    readonly path: string | undefined;
    /** Why it cannot be used, in a sentence; undefined when it can. */
    readonly reason: string | undefined;
  }
  | {
    /** A request has its reply; `command` is one that the agent has, or `UNKNOWN_COMMAND`. */
    readonly kind: "request";
    readonly command: string;
    readonly family: CommandFamily;
    /** Whether the command acts on the machine, so that it leaves an audit line. */
    readonly isAudited: boolean;
    readonly outcome: RequestOutcome;
    /** What it failed with, as the client sees it; undefined for a success. */
    readonly error: string | undefined;
    readonly seconds: number;
    /** Who asked, as far as the channel knows. */
    readonly client: string | undefined;
  }
  | {
    /** Bytes came from the client or went to it. */
    readonly kind: "received" | "sent";
    readonly bytes: number;
  }
  /** What a client sent is not JSON. */
  | { readonly kind: "parse-error" }
  | {
    /** What the agent has frozen has changed. */
    readonly kind: "freeze-state";
    readonly state: FreezeState;
    /** How many file systems are frozen now. */
    readonly count: number;
  }
  | {
    /** A freeze came to its end. */
    readonly kind: "freeze";
    readonly outcome: typeof FREEZE_OUTCOMES[number];
    readonly count: number;
    readonly seconds: number;
    /** Whether the guard would have thawed if the agent had been killed. */
    readonly guarded: boolean;
    readonly error: string | undefined;
  }
  | {
    /** Everything is thawed. */
    readonly kind: "thaw";
    readonly reason: ThawReason;
    readonly count: number;
    /** From the beginning of the freeze. */
    readonly frozenSeconds: number;
  }
  | {
    /** How the last freeze of this machine ended; also one before the agent was started. */
    readonly kind: "last-freeze";
    /** When it began. */
    readonly since: number;
    readonly seconds: number;
    readonly count: number;
    readonly endedBy: ThawReason;
  }
  /** A thaw failed; what is frozen stays so, and it is tried again. */
  | {
    readonly kind: "thaw-failed";
    readonly reason: ThawReason;
    readonly error: string;
  }
  | {
    /** File systems were trimmed. */
    readonly kind: "trim";
    readonly bytes: number;
    /** How many were trimmed, and how many could not be. */
    readonly count: number;
    readonly failures: number;
    readonly seconds: number;
  }
  | {
    /**
     * A power action was accepted by Talos, or failed. `forced`: the drain was skipped or ended.
     */
    readonly kind: "power";
    readonly action: "shutdown" | "reboot";
    readonly forced: boolean;
    /** False for the forced shutdown that the agent makes itself, after the time for the drain. */
    readonly requested: boolean;
    readonly outcome: typeof POWER_OUTCOMES[number];
    /** gRPC code's name; undefined when no call was made. */
    readonly code: string | undefined;
    readonly error: string | undefined;
    readonly seconds: number;
  }
  | {
    /** A call of the Talos API has ended; `code` is the gRPC code's name, `OK` for a success. */
    readonly kind: "talos-call";
    readonly method: string;
    readonly code: string;
    readonly seconds: number;
  }
  | {
    /** The credentials were read, or could not be. */
    readonly kind: "credentials";
    readonly source: CredentialsSource;
    /** When the client certificate expires; undefined when the credentials cannot be read. */
    readonly expires: number | undefined;
    /** Why they cannot be read, in a sentence; undefined when they can. */
    readonly error: string | undefined;
  };

/** Takes what happens. It is passed to whatever does something; nothing imports one as a global. */
export type Publish = (activity: Activity) => void;

/** How many activities are kept for those who subscribe late. */
const EARLY_LIMIT = 1_000;

/** A `Publish` that tells nobody. */
export const publishNothing: Publish = (): void => {};

/**
 * Hands what happens to those who want to know. Subscribers are loaded after the port is served, so
 * what happens at the start is kept for them until `startIsOver`.
 */
export class ActivityFeed {
  readonly #log: Log;
  #listeners: readonly Publish[] = [];
  #early: Activity[] | undefined = [];

  /** A listener that throws is logged; the publisher does not notice. */
  constructor(log: Log) {
    this.#log = log;
  }

  /** Tells all subscribers, in the order of their subscription. It never throws. */
  readonly publish: Publish = (activity) => {
    if (this.#early !== undefined && this.#early.length < EARLY_LIMIT) this.#early.push(activity);
    for (const listener of this.#listeners) this.#tell(listener, activity);
  };

  /**
   * Tells `listener` of everything from now on, and first of what happened at the start. It is called
   * while the publisher waits, so it must be quick; what it throws is logged.
   */
  subscribe(listener: Publish): Disposable {
    for (const activity of this.#early ?? []) this.#tell(listener, activity);
    // A new list: `publish` may be going through the old one.
    this.#listeners = [...this.#listeners, listener];
    return {
      [Symbol.dispose]: () => {
        this.#listeners = this.#listeners.filter((other) => other !== listener);
      },
    };
  }

  /** Drops what was kept for late subscribers: all are there. */
  startIsOver(): void {
    this.#early = undefined;
  }

  #tell(listener: Publish, activity: Activity): void {
    try {
      listener(activity);
    } catch (error) {
      this.#log.error("a listener to what the agent does has failed", {
        activity: activity.kind,
        error: messageOf(error),
      });
    }
  }
}
