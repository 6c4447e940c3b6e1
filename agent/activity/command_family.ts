/** Groups of commands that do similar things, and take similarly long. */
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

const BEGINNINGS: readonly (readonly [string, CommandFamily])[] = [
  ["guest-fsfreeze-", "freeze"],
  ["guest-fstrim", "trim"],
  ["guest-shutdown", "power"],
  ["guest-suspend-", "power"],
  ["guest-exec", "exec"],
  ["guest-file-", "file"],
  ["guest-set-", "set"],
  ["guest-ssh-add-", "set"],
  ["guest-ssh-remove-", "set"],
  ["guest-get-", "information"],
  ["guest-network-", "information"],
  ["guest-ssh-get-", "information"],
  ["guest-ping", "agent"],
  ["guest-info", "agent"],
  ["guest-sync", "agent"],
];

/** They only look, and clients ask them again and again. */
const ONLY_LOOK = ["guest-fsfreeze-status", "guest-exec-status"];

/** The family of a command, by its name; `unknown` for names that are no command's. */
export function commandFamily(command: string): CommandFamily {
  return BEGINNINGS.find(([beginning]) => command.startsWith(beginning))?.[1] ?? "unknown";
}

/** Whether a command acts on the machine, so that it leaves an audit line. */
export function isAudited(command: string): boolean {
  const family = commandFamily(command);
  return family !== "agent" && family !== "information" && family !== "unknown" &&
    !ONLY_LOOK.includes(command);
}
