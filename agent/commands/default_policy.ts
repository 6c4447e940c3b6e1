import type { DefaultPolicy, DefaultRule } from "../protocol/policy.ts";

/** Why the commands for users cannot run. */
export const NO_USERS = "Talos has no users, passwords or ssh";

const HOST_FILES: DefaultRule = {
  access: "blocked",
  reason: "the node's files are closed to the hypervisor",
};
const PROGRAMS: DefaultRule = {
  access: "blocked",
  reason: "the hypervisor may not run programs on the node",
};
const USERS: DefaultRule = { access: "never", reason: NO_USERS };

const NO_CREDENTIALS: DefaultRule = {
  access: "never",
  reason: "the agent has no credentials for the Talos API; --talosconfig names them",
};

/** Every command that does not run by default, whatever is configured, and why; the others do. */
export const DEFAULT_POLICY: DefaultPolicy = {
  "guest-set-time": { access: "blocked", reason: "Talos owns the clock" },
  "guest-file-open": HOST_FILES,
  "guest-file-close": HOST_FILES,
  "guest-file-read": HOST_FILES,
  "guest-file-write": HOST_FILES,
  "guest-file-seek": HOST_FILES,
  "guest-file-flush": HOST_FILES,
  "guest-exec": PROGRAMS,
  "guest-exec-status": PROGRAMS,
  "guest-set-user-password": USERS,
  "guest-ssh-get-authorized-keys": USERS,
  "guest-ssh-add-authorized-keys": USERS,
  "guest-ssh-remove-authorized-keys": USERS,
};

/** The default policy of an agent that has these credentials for the Talos API, or none. */
export function defaultPolicy(talosconfig: string | undefined): DefaultPolicy {
  if (talosconfig !== undefined) return DEFAULT_POLICY;
  return { ...DEFAULT_POLICY, "guest-shutdown": NO_CREDENTIALS };
}
