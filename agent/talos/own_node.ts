import { FaultError } from "../fault.ts";
import { type Endpoint, formatEndpoint, isLoopback, isOneOf } from "./endpoint.ts";

/** What is known of the machine that the agent runs on. */
export interface OwnNode {
  /** This node's name. */
  readonly hostName: () => string;
  /** This node's IP addresses. */
  readonly ownAddresses: () => readonly string[];
}

/** An endpoint belongs to another node, or nobody can tell: no power action may go there. */
export class WrongNodeError extends FaultError {
  override readonly name = "WrongNodeError";
}

/**
 * Makes sure that an endpoint is this very node, since an endpoint carries out what it is asked on
 * the node that it belongs to: its address is one of this machine, or it says the same host name
 * (first label, upper and lower case alike).
 *
 * @throws WrongNodeError when it is another node; and whatever `askHostName` throws.
 */
export async function confirmOwnNode(
  endpoint: Endpoint,
  node: OwnNode,
  askHostName: () => Promise<string>,
): Promise<void> {
  if (isLoopback(endpoint) || isOneOf(endpoint, node.ownAddresses())) return;
  const theirs = await askHostName();
  const ours = node.hostName();
  if (firstLabel(theirs) !== "" && firstLabel(theirs) === firstLabel(ours)) return;
  throw new WrongNodeError(
    `endpoint ${formatEndpoint(endpoint)} is node '${theirs}', not this node '${ours}'`,
    "set --talos-endpoint to this node's address (status.hostIP)",
  );
}

function firstLabel(name: string): string {
  return (name.split(".")[0] ?? "").toLowerCase();
}
