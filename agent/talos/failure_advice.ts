import { type Fault, faultSentence } from "../fault.ts";
import type { Credentials } from "./credentials/credentials.ts";
import type { GrpcCodeName } from "./grpc/status.ts";
import type { TalosError } from "./talos_error.ts";

/** What is wrong with the dates of a client certificate at `now`; undefined when nothing is. */
export function findCertificateDateFault(
  credentials: Pick<Credentials, "notBefore" | "notAfter">,
  now: Date,
): Fault | undefined {
  if (now > credentials.notAfter) {
    return {
      fact: `the client certificate expired at ${credentials.notAfter.toISOString()}`,
      remedy: "renew the talosconfig (--talosconfig)",
    };
  }
  if (now < credentials.notBefore) {
    return {
      fact: `the client certificate is not valid before ${credentials.notBefore.toISOString()}, ` +
        `and the clock says ${now.toISOString()}`,
      remedy: "check the clocks of this node and of the issuer",
    };
  }
  return undefined;
}

/** What is wrong with the roles of a client certificate; undefined when they allow power actions. */
export function findRoleFault(roles: readonly string[]): Fault | undefined {
  if (roles.some((role) => role === "os:operator" || role === "os:admin")) return undefined;
  const has = roles.length === 0 ? "no role" : roles.join(", ");
  return {
    fact: `the client certificate has ${has}, and os:operator is needed`,
    remedy: "make the talosconfig or the Talos ServiceAccount with that role",
  };
}

/** `explainFailure` as a sentence. */
export function adviseFailure(
  error: TalosError,
  credentials: Pick<Credentials, "roles" | "notBefore" | "notAfter">,
  now: Date,
): string {
  const { fact, remedy } = explainFailure(error, credentials, now);
  return remedy === undefined ? fact : `${fact}: ${remedy}`;
}

/** What is wrong when a call has failed, on what endpoint, and what to do. */
export function explainFailure(
  error: TalosError,
  credentials: Pick<Credentials, "roles" | "notBefore" | "notAfter">,
  now: Date,
): Fault {
  const { endpoint, text } = error;
  switch (error.failure) {
    case "status":
      return {
        fact: `${endpoint} answered ${error.codeName} (${error.code})` +
          `${text === "" ? "" : ` "${text}"`}`,
        remedy: adviseStatus(error.codeName, credentials.roles),
      };
    case "unreachable":
      return {
        fact: `${endpoint} cannot be reached (${text})`,
        remedy: endpoint.startsWith("talos.default:")
          ? "that name is only the control planes, and only in the cluster's DNS; set " +
            "--talos-endpoint to this node's address (status.hostIP)"
          : "check --talos-endpoint, and that the agent is on the host network",
      };
    case "server-untrusted":
      return {
        fact: `${endpoint} has a certificate that the talosconfig's CA has not signed (${text})`,
        remedy: ANOTHER_CLUSTER,
      };
    case "server-name":
      return {
        fact: `${endpoint} has a certificate for other names (${text})`,
        remedy: "set --talos-endpoint to " +
          "an address in it, such as status.hostIP, or add this one to machine.certSANs",
      };
    case "server-certificate":
      return {
        fact: `${endpoint} has a certificate that cannot be used (${text})`,
        remedy: "check this node's clock and that this is a Talos API",
      };
    case "client-rejected":
      return {
        fact: `${endpoint} does not accept the client certificate (${text})`,
        remedy: faultSentence(findCertificateDateFault(credentials, now)) ?? ANOTHER_CLUSTER,
      };
    case "tls":
      return {
        fact: `${endpoint} does not speak TLS as Talos does (${text})`,
        remedy: "check that --talos-endpoint is a Talos API (port 50000)",
      };
    case "protocol":
      return {
        fact: `${endpoint} gave no valid answer (${text})`,
        remedy: "check that --talos-endpoint is a Talos API (port 50000)",
      };
    case "deadline":
      return {
        fact: `${endpoint} took the connection and did not answer (${text})`,
        remedy: undefined,
      };
    case "cut":
      return {
        fact: `${endpoint} broke the connection before it answered (${text})`,
        remedy: undefined,
      };
    case "cancelled":
      return { fact: `${endpoint}: abandoned because the agent stops`, remedy: undefined };
  }
}

const ANOTHER_CLUSTER =
  "the talosconfig belongs to another cluster, or the CA was rotated; renew --talosconfig";

function adviseStatus(code: GrpcCodeName, roles: readonly string[]): string {
  if (code === "PERMISSION_DENIED") {
    return faultSentence(findRoleFault(roles)) ??
      `the client certificate has ${roles.join(", ")}, which should do; ` +
        "a worker refuses what is meant for another node: check --talos-endpoint";
  }
  return STATUS_ADVICE[code];
}

const STATUS_ADVICE: Readonly<Record<Exclude<GrpcCodeName, "PERMISSION_DENIED">, string>> = {
  OK: "nothing is wrong",
  CANCELLED: "Talos gave up on the call; look at the node's machined and apid logs",
  UNKNOWN: "look at the node's machined log",
  INVALID_ARGUMENT: "this Talos does not know what was asked; check --reboot-mode",
  DEADLINE_EXCEEDED: "Talos did not finish in time; look at the node's machined log",
  NOT_FOUND: "this Talos has no such thing; check that --talos-endpoint is a node",
  ALREADY_EXISTS: "look at the node's machined log",
  RESOURCE_EXHAUSTED: "the node is out of some resource; try again later",
  FAILED_PRECONDITION: "this Talos cannot do it in its mode, such as in a container (Docker)",
  ABORTED: "Talos is at something else; try again",
  OUT_OF_RANGE: "look at the node's machined log",
  UNIMPLEMENTED: "this Talos version or mode does not have the call; check --talos-endpoint",
  INTERNAL: "Talos has failed inside; look at the node's machined and apid logs",
  UNAVAILABLE: "Talos is starting, restarting its API or going down; try again",
  DATA_LOSS: "look at the node's machined log",
  UNAUTHENTICATED: "Talos does not accept the login; renew the talosconfig (--talosconfig)",
};
