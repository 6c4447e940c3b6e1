/** How a thing was found. */
export type CheckStatus = "ok" | "warning" | "failed";

/** One finding. */
export interface CheckLine {
  /** What was looked at, in a word or two. */
  readonly name: string;
  readonly status: CheckStatus;
  /** What was found: a clause without a full stop. Never a secret. */
  readonly fact: string;
  /** The same in a few words, for a cell of a table; left out where `name` says enough. */
  readonly brief?: string;
  /** The one thing to do about it; left out when all is well. */
  readonly remedy?: string;
}

/** All is well. */
export function ok(name: string, fact: string, brief?: string): CheckLine {
  return { name, status: "ok", fact, ...inBrief(brief) };
}

/** It works, but not as it should, or not for long. */
export function warning(name: string, fact: string, remedy: string, brief?: string): CheckLine {
  return { name, status: "warning", fact, ...inBrief(brief), remedy };
}

/** It does not work. */
export function failed(name: string, fact: string, remedy: string, brief?: string): CheckLine {
  return { name, status: "failed", fact, ...inBrief(brief), remedy };
}

function inBrief(brief: string | undefined): Pick<CheckLine, "brief"> {
  return brief === undefined ? {} : { brief };
}
