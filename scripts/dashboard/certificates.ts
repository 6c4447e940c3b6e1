import type { CredentialsSource } from "../../agent/activity/activity.ts";
import { EXPIRY_WARNING_SECONDS } from "../../agent/talos/credentials/expiry_warning.ts";
import { metric } from "./expressions.ts";
import type { Step } from "./panels.ts";

/** The kinds of credentials, by the names that people know. */
export const CREDENTIALS: readonly { readonly source: CredentialsSource; readonly name: string }[] =
  [
    { source: "serviceAccount", name: "ServiceAccount" },
    { source: "talosconfig", name: "talosconfig" },
  ];

/** How long the certificates of a kind are good for, in seconds. */
export function timeLeft(source: CredentialsSource, labels: string): string {
  const end = metric("qga_talos_credentials_expiry_timestamp_seconds", labels);
  const kind = metric("qga_talos_credentials_info", `${labels},kind="${source}"`);
  return `${end} - time() and on (job, instance) ${kind}`;
}

/** Orange from when the alert fires on, red when the certificate has expired. */
export function timeLeftSteps(source: CredentialsSource): readonly Step[] {
  return [
    { from: null, color: "red" },
    { from: 0, color: "orange" },
    { from: EXPIRY_WARNING_SECONDS[source], color: "green" },
  ];
}
