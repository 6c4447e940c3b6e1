/** What the agent has frozen; `freezing` and `thawing` mean some file systems, and others not. */
export type FreezeState = "thawed" | "freezing" | "frozen" | "thawing";
