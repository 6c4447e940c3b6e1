/** Groups of commands that do similar things and take similarly long; `unknown` is for no command's names. */
export const COMMAND_FAMILIES = [
  "agent",
  "information",
  "freeze",
  "trim",
  "power",
  "exec",
  "file",
  "set",
  "unknown",
] as const;

/** One of `COMMAND_FAMILIES`. */
export type CommandFamily = typeof COMMAND_FAMILIES[number];
