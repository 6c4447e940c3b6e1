import { type Config, reachesTalos } from "../config/config.ts";

/** What decides which permissions are needed. */
export type PermissionNeeds = Pick<
  Config,
  "fsfreezeHook" | "listenAddress" | "kubernetesEvents" | "talosconfig" | "talosSocket"
>;

/**
 * Gives up for good what of the executable's permissions (scripts/permissions) the configuration does
 * not need: running programs, unless there is a freeze hook, connections, unless there is somebody to
 * talk to, and loading code from elsewhere. Threads that start later have no more than is left.
 *
 * guest-exec is not concerned: it starts programs through libc, and the policy decides on it.
 */
export function giveUpPermissions(config: PermissionNeeds): void {
  Deno.permissions.revokeSync({ name: "import" });
  if (config.fsfreezeHook === undefined) Deno.permissions.revokeSync({ name: "run" });
  if (!needsNetwork(config)) Deno.permissions.revokeSync({ name: "net" });
}

function needsNetwork(config: PermissionNeeds): boolean {
  return reachesTalos(config) || config.listenAddress !== undefined || config.kubernetesEvents;
}
