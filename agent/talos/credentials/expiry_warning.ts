import type { CredentialsSource } from "../../activity/activity.ts";

/**
 * How long before its end a client certificate is warned of, in seconds: by `check`, a Kubernetes event and the
 * chart's alert. Talos renews a ServiceAccount's, which is valid for 6 h, 1 h before its end; a talosconfig has
 * to be renewed by somebody.
 */
export const EXPIRY_WARNING_SECONDS: Readonly<Record<CredentialsSource, number>> = {
  serviceAccount: 30 * 60,
  talosconfig: 7 * 86_400,
};
