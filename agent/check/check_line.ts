/** How a thing was found. */
export type CheckStatus = "ok" | "warning" | "failed";

/** One finding. */
export interface CheckLine {
  /** What was looked at, in a word or two. */
  readonly name: string;
  readonly status: CheckStatus;
  /** What was found: a clause without a full stop. Never a secret. */
  readonly fact: string;
  /** The one thing to do about it; left out when all is well. */
  readonly remedy?: string;
}

/** All is well. */
export function ok(name: string, fact: string): CheckLine {
  return { name, status: "ok", fact };
}

/** It works, but not as it should, or not for long. */
export function warning(name: string, fact: string, remedy: string): CheckLine {
  return { name, status: "warning", fact, remedy };
}

/** It does not work. */
export function failed(name: string, fact: string, remedy: string): CheckLine {
  return { name, status: "failed", fact, remedy };
}
