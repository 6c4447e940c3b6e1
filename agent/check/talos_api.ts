import type { Fault } from "../fault.ts";
import type { Credentials } from "../talos/credentials/credentials.ts";
import { findEndpointFault } from "../talos/credentials/credentials_fault.ts";
import { type Endpoint, EndpointError, formatEndpoint } from "../talos/endpoint.ts";
import { explainFailure } from "../talos/failure_advice.ts";
import { MachineClient } from "../talos/machine_client.ts";
import { confirmOwnNode, type OwnNode, WrongNodeError } from "../talos/own_node.ts";
import { chooseEndpoints } from "../talos/power_call.ts";
import { TalosError } from "../talos/talos_error.ts";
import { publishNothing } from "../activity/activity.ts";
import { type CheckLine, failed, ok, warning } from "./check_line.ts";

const NAME = "talos api";
const TRY_AGAIN = "try again, and look at the node's apid log";

/** How the Talos API is asked. */
export interface TalosApiOptions extends OwnNode {
  /** As `--talos-endpoint` has them; empty = those of the talosconfig. */
  readonly endpoints: readonly string[];
  /** For connecting, and for each call, in milliseconds. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * Goes the way that guest-shutdown goes, up to the call that would act: endpoint by endpoint, a
 * connection, TLS, Version, and Hostname where an endpoint must prove that it is this node.
 */
export async function checkTalosApi(
  credentials: Credentials,
  options: TalosApiOptions,
): Promise<CheckLine[]> {
  let chosen: { endpoint: Endpoint; trusted: boolean }[];
  try {
    chosen = chooseEndpoints(options, credentials);
  } catch (error) {
    if (!(error instanceof EndpointError)) throw error;
    return [failed(NAME, error.message, "set --talos-endpoint to this node's status.hostIP")];
  }
  const fault = findEndpointFault(chosen.map(({ endpoint }) => endpoint.host));
  if (fault !== undefined) return [failed(NAME, fault.fact, fault.remedy ?? TRY_AGAIN)];
  const passedOver: Fault[] = [];
  for (const { endpoint, trusted } of chosen) {
    const started = performance.now();
    const result = await ask(endpoint, trusted, credentials, options);
    if (typeof result !== "string") {
      passedOver.push(result);
      continue;
    }
    const milliseconds = Math.round(performance.now() - started);
    const fact = `${formatEndpoint(endpoint)} is Talos ${result}, answered in ${milliseconds} ms`;
    return [...passedOver.map(line(warning)), ok(NAME, fact, result)];
  }
  return passedOver.map(line(failed));
}

function line(make: typeof failed): (fault: Fault) => CheckLine {
  return ({ fact, remedy }) => make(NAME, fact, remedy ?? TRY_AGAIN);
}

/** The version of Talos there, or what is wrong. */
async function ask(
  endpoint: Endpoint,
  trusted: boolean,
  credentials: Credentials,
  { timeoutMs, signal, ...node }: TalosApiOptions,
): Promise<string | Fault> {
  try {
    const options = { timeoutMs, signal, setTcpNoDelay: () => {}, publish: publishNothing };
    using client = await MachineClient.connect(endpoint, credentials, options);
    const version = await client.version();
    if (!trusted) await confirmOwnNode(endpoint, node, () => client.hostname());
    return version;
  } catch (error) {
    if (error instanceof WrongNodeError) return error;
    if (error instanceof TalosError) return explainFailure(error, credentials, new Date());
    throw error;
  }
}
