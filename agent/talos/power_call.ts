import { FaultError } from "../fault.ts";
import type { Publish } from "../activity/activity.ts";
import type { Log } from "../log/log.ts";
import { type Credentials, readCredentials } from "./credentials/credentials.ts";
import { type Endpoint, formatEndpoint, parseEndpoint } from "./endpoint.ts";
import { adviseFailure } from "./failure_advice.ts";
import { type Accepted, MachineClient, type RebootMode } from "./machine_client.ts";
import { confirmOwnNode, type OwnNode, WrongNodeError } from "./own_node.ts";
import { TalosError } from "./talos_error.ts";

/** A call that changes the power state of this node. */
export type PowerCall =
  | { readonly method: "Shutdown"; readonly force: boolean }
  | { readonly method: "Reboot"; readonly mode: RebootMode };

/** Where and how power calls are made. */
export interface PowerCallOptions extends OwnNode {
  /** File, or directory of a Talos ServiceAccount's Secret. */
  readonly talosconfig: string;
  /** Undefined = the one that the talosconfig chooses. */
  readonly context: string | undefined;
  /** Trusted to be this node. Empty = those of the talosconfig, which are not. */
  readonly endpoints: readonly string[];
  /** For connecting, and for each call, in milliseconds. */
  readonly timeoutMs: number;
  /** Sets TCP_NODELAY on the connections of this process. */
  readonly setTcpNoDelay: () => void;
  readonly log: Log;
  readonly publish: Publish;
}

/** A power call that Talos has accepted. */
export interface PowerCallResult extends Accepted {
  /** `HOST:PORT`, or the path of a socket. */
  readonly endpoint: string;
  readonly roles: readonly string[];
  /**
   * Connects once more to who has accepted it.
   *
   * @throws TalosError when that fails.
   */
  readonly connect: (signal: AbortSignal) => Promise<MachineClient>;
}

/** A power call that failed; the message is fit for a hypervisor's log. */
export class PowerCallError extends FaultError {
  override readonly name = "PowerCallError";
  /** Whether Talos may be at it although the call failed. */
  readonly mayHaveHappened: boolean;
  /** gRPC code's name; undefined when no call was made. */
  readonly code: string | undefined;

  constructor(message: string, mayHaveHappened: boolean, cause: unknown) {
    super(message, undefined, { cause });
    this.mayHaveHappened = mayHaveHappened;
    this.code = cause instanceof TalosError ? cause.codeName : undefined;
  }
}

/**
 * Makes one power call with credentials that are read now: at the first endpoint that is this node,
 * can be reached and lets us in. After a TLS failure or UNAUTHENTICATED the credentials are read
 * once more, since they are replaced every few hours. Nothing is repeated that may have been obeyed.
 *
 * @throws PowerCallError when no endpoint has accepted it, or it is not known whether one has;
 *   TalosconfigError or EndpointError when it could not even be tried.
 */
export async function makePowerCall(
  call: PowerCall,
  options: PowerCallOptions,
  signal: AbortSignal,
): Promise<PowerCallResult> {
  const read = () => readCredentials(options.talosconfig, options.context, options.publish);
  let credentials = await read();
  let mayReadAgain = true;
  const reasons: string[] = [];
  let last: unknown;
  for (const { endpoint, trusted } of chooseEndpoints(options, credentials)) {
    for (;;) {
      const { roles } = credentials;
      const connect = connector(endpoint, credentials, options);
      try {
        const client = await connect(signal);
        using _closed = client;
        if (!trusted) await confirmOwnNode(endpoint, options, () => client.hostname());
        const accepted = await act(client, call);
        return { ...accepted, endpoint: formatEndpoint(endpoint), roles, connect };
      } catch (error) {
        if (error instanceof WrongNodeError) {
          reasons.push(error.message);
          last = error;
          break;
        }
        if (!(error instanceof TalosError)) throw error;
        const reason = adviseFailure(error, credentials, new Date());
        if (mayReadAgain && mayBeStale(error)) {
          mayReadAgain = false;
          options.log.warn("Talos did not let us in; reading the talosconfig again", {
            endpoint: error.endpoint,
            reason,
          });
          credentials = await read();
          continue;
        }
        if (!mayTryNext(error)) {
          throw new PowerCallError(
            describeFailure(call, [reason], error),
            error.mayHaveHappened,
            error,
          );
        }
        options.log.warn("a Talos endpoint did not take the call", {
          endpoint: error.endpoint,
          reason,
        });
        reasons.push(reason);
        last = error;
        break;
      }
    }
  }
  throw new PowerCallError(describeFailure(call, reasons, undefined), false, last);
}

function connector(
  endpoint: Endpoint,
  credentials: Credentials,
  { timeoutMs, setTcpNoDelay, publish }: PowerCallOptions,
): PowerCallResult["connect"] {
  return (signal) =>
    MachineClient.connect(endpoint, credentials, { timeoutMs, signal, setTcpNoDelay, publish });
}

/**
 * Makes the call itself.
 *
 * @throws TalosError when Talos has not accepted it, or it is not known whether it has.
 */
export async function act(client: MachineClient, call: PowerCall): Promise<Accepted> {
  return call.method === "Shutdown"
    ? await client.shutdown({ force: call.force })
    : await client.reboot({ mode: call.mode });
}

/**
 * The endpoints that power calls go to; one that is not trusted must prove that it is this node.
 *
 * @throws EndpointError when one cannot be understood.
 */
export function chooseEndpoints(
  options: Pick<PowerCallOptions, "endpoints">,
  credentials: Pick<Credentials, "endpoints">,
): { endpoint: Endpoint; trusted: boolean }[] {
  const trusted = options.endpoints.length > 0;
  const texts = trusted ? options.endpoints : credentials.endpoints;
  return texts.map((text) => ({ endpoint: parseEndpoint(text), trusted }));
}

/** Whether new credentials could make the difference. */
function mayBeStale(error: TalosError): boolean {
  switch (error.failure) {
    case "server-untrusted":
    case "server-name":
    case "server-certificate":
    case "client-rejected":
    case "tls":
      return true;
    case "status":
      return error.codeName === "UNAUTHENTICATED";
    default:
      return false;
  }
}

/** Whether another endpoint may be asked: not when it would say the same, or act a second time. */
function mayTryNext(error: TalosError): boolean {
  if (error.mayHaveHappened || error.failure === "cancelled") return false;
  if (error.failure !== "status" || error.codeName === "UNAVAILABLE") return true;
  return error.method === "Hostname" && error.codeName !== "PERMISSION_DENIED";
}

/** What failed, and why at each endpoint; `error` is the one that kept the call from being repeated. */
export function describeFailure(
  call: PowerCall,
  reasons: readonly string[],
  error: TalosError | undefined,
): string {
  const action = call.method === "Shutdown" ? "shutdown" : "reboot";
  if (error?.mayHaveHappened === true) {
    return `it is not known whether Talos accepted the ${action}: ${reasons.join("; ")}; ` +
      "it may be under way, so it was not repeated";
  }
  if (reasons.length === 0) {
    return `no Talos endpoint for the ${action}: the talosconfig has none; ` +
      "set --talos-endpoint to this node's address (status.hostIP)";
  }
  return `Talos did not accept the ${action}: ${reasons.join("; ")}`;
}
