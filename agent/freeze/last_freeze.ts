import { THAW_REASONS, type ThawReason } from "../activity/thaw_reason.ts";
import { reasonOfLapse } from "./thaw_explanation.ts";

/** A freeze that has ended. */
export interface LastFreeze {
  /** When it began, in milliseconds since the epoch. */
  readonly since: number;
  /** When all was thawed, in milliseconds since the epoch. */
  readonly until: number;
  /** How long that took, by a clock that nobody sets. */
  readonly seconds: number;
  /** How many file systems were thawed. */
  readonly count: number;
  readonly endedBy: ThawReason;
  /** The time limit in seconds, when that is what ended it. */
  readonly limitSeconds?: number;
  /** False as long as no agent has counted and reported it: the guard has no metrics. */
  readonly reported: boolean;
  /** Whether the client whose freeze ended too early knows. */
  readonly told: boolean;
}

/**
 * The file `qga.state.last-freeze` in the state directory: how the last freeze ended, so that it is known
 * after a restart of the agent, and when the guard has ended it. A JSON object, replaced as a whole.
 */
export class LastFreezeFile {
  readonly #path: string;
  readonly #exists: (path: string) => boolean;

  /** @param exists says whether there is a file */
  constructor(stateDirectory: string, exists: (path: string) => boolean) {
    this.#path = `${stateDirectory}/qga.state.last-freeze`;
    this.#exists = exists;
  }

  /**
   * The last freeze that has ended; undefined when there was none, or the file is none of ours.
   *
   * @throws Error of Deno when it exists and cannot be read
   */
  read(): LastFreeze | undefined {
    if (!this.#exists(this.#path)) return undefined;
    try {
      return parseLastFreeze(Deno.readTextFileSync(this.#path));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  }

  /** @throws Error of Deno when it cannot be written */
  write(lastFreeze: LastFreeze): void {
    const unfinished = `${this.#path}.new`;
    Deno.writeTextFileSync(unfinished, `${JSON.stringify(lastFreeze)}\n`, { mode: 0o600 });
    Deno.renameSync(unfinished, this.#path);
  }
}

/** Reads the file's text; undefined when it is not of this shape. */
export function parseLastFreeze(text: string): LastFreeze | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // A file of somebody else's tells nothing of a freeze.
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const member = (name: string): unknown => Reflect.get(value, name);
  const number = (name: string): number | undefined => {
    const found = member(name);
    return typeof found === "number" && Number.isFinite(found) ? found : undefined;
  };
  const since = number("since");
  const until = number("until");
  const seconds = number("seconds");
  const count = number("count");
  const endedBy = THAW_REASONS.find((reason) => reason === member("endedBy"));
  if (
    since === undefined || until === undefined || seconds === undefined || count === undefined ||
    endedBy === undefined
  ) {
    return undefined;
  }
  const limitSeconds = number("limitSeconds");
  return {
    since,
    until,
    seconds,
    count,
    endedBy,
    ...(limitSeconds === undefined ? {} : { limitSeconds }),
    reported: member("reported") === true,
    told: member("told") === true,
  };
}

/**
 * What a client hears whose freeze has ended before it asked for the thaw: its backup is not
 * consistent. At the time limit it begins with the words of qemu-ga for Windows, which KubeVirt looks for.
 *
 * @returns undefined when the freeze has ended as its client wanted, or that was reported already
 */
export function describeLapse(lastFreeze: LastFreeze): string | undefined {
  const { endedBy, told, until, seconds, limitSeconds } = lastFreeze;
  const why = reasonOfLapse(endedBy);
  if (why === undefined || told) return undefined;
  const limit = limitSeconds === undefined
    ? "the freeze has ended too early"
    : `fsfreeze is limited up to ${limitSeconds} seconds`;
  const when = isDate(until) ? new Date(until).toISOString() : "an unknown time";
  return `${limit}: the file systems were thawed at ${when}, after ${seconds.toFixed(1)} s, ` +
    `${why}; what was backed up since then is not consistent`;
}

function isDate(milliseconds: number): boolean {
  return Number.isFinite(new Date(milliseconds).getTime());
}
