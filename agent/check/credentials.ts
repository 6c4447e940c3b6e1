import { EXPIRY_WARNING_SECONDS } from "../talos/credentials/expiry_warning.ts";
import { type Credentials, readCredentials } from "../talos/credentials/credentials.ts";
import { findCertificateDateFault, findRoleFault } from "../talos/failure_advice.ts";
import { TalosconfigError } from "../talos/credentials/talosconfig.ts";
import { publishNothing } from "../activity/activity.ts";
import { type CheckLine, failed, ok, warning } from "./check_line.ts";

const MINUTE_MS = 60_000;
/** A certificate that does not live for long is warned of in this part of its life. */
const LAST_PART = 12;

/** What `checkCredentials` finds. */
export interface CheckedCredentials {
  readonly lines: readonly CheckLine[];
  /** Undefined when there are none that can be used. */
  readonly credentials: Credentials | undefined;
}

/**
 * The talosconfig, its client certificate and the roles in it, which are what Talos decides on. Nothing
 * is sent anywhere.
 *
 * @param talosconfig as `--talosconfig` has it
 */
export async function checkCredentials(
  talosconfig: string | undefined,
  context: string | undefined,
  now: Date,
): Promise<CheckedCredentials> {
  if (talosconfig === undefined) {
    const line = warning(
      "talosconfig",
      "none is configured, so guest-shutdown is disabled",
      "set --talosconfig, if the hypervisor shall be able to shut this node down",
      "none",
    );
    return { lines: [line], credentials: undefined };
  }
  let credentials: Credentials;
  try {
    credentials = await readCredentials(talosconfig, context, publishNothing);
  } catch (error) {
    if (!(error instanceof TalosconfigError)) throw error;
    const { fact, remedy = RENEW } = error;
    return { lines: [failed("talosconfig", fact, remedy)], credentials: undefined };
  }
  const kind = credentials.source === "serviceAccount" ? "the Secret's directory" : "the file";
  const lines = [
    ok("talosconfig", `${kind} ${talosconfig}, context ${credentials.context}`),
    checkCertificate(credentials, now),
    checkRoles(credentials.roles),
  ];
  return { lines, credentials };
}

const RENEW = "make it again: talosctl -n CONTROL_PLANE config new --roles os:operator FILE, " +
  "or a Talos ServiceAccount";

function checkCertificate(credentials: Credentials, now: Date): CheckLine {
  const name = "certificate";
  const { notBefore, notAfter, keyType } = credentials;
  const fault = findCertificateDateFault(credentials, now);
  if (fault !== undefined) return failed(name, fault.fact, fault.remedy ?? RENEW);
  const left = notAfter.getTime() - now.getTime();
  const lifetime = notAfter.getTime() - notBefore.getTime();
  const brief = `for ${describeTime(left)}`;
  const fact = `${keyType}, its key fits, valid from ${notBefore.toISOString()} until ` +
    `${notAfter.toISOString()}, ${brief} more`;
  const warningMs = EXPIRY_WARNING_SECONDS[credentials.source] * 1000;
  if (left >= Math.min(lifetime / LAST_PART, warningMs)) return ok(name, fact, brief);
  return warning(
    name,
    fact,
    "renew the talosconfig; for a Talos ServiceAccount, see why Talos has not: " +
      "kubectl describe serviceaccounts.talos.dev",
    brief,
  );
}

function checkRoles(roles: readonly string[]): CheckLine {
  const fault = findRoleFault(roles);
  return fault === undefined
    ? ok("role", roles.join(", "), roles.join(", "))
    : failed("role", fault.fact, fault.remedy ?? RENEW);
}

/** The two largest units of a time, such as `5 h 12 min`. */
export function describeTime(milliseconds: number): string {
  const minutes = Math.floor(milliseconds / MINUTE_MS);
  const days = Math.floor(minutes / 1440);
  const hours = Math.floor(minutes / 60) % 24;
  if (days > 0) return `${days} d ${hours} h`;
  return hours > 0 ? `${hours} h ${minutes % 60} min` : `${minutes} min`;
}
