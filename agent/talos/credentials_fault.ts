import type { Publish } from "../telemetry/activity.ts";
import { readCredentials } from "./credentials.ts";
import { EndpointError, parseEndpoint } from "./endpoint.ts";
import { certificateDateFault, roleFault } from "./failure_advice.ts";
import { TalosconfigError } from "./talosconfig.ts";

/**
 * Looks for what will keep a talosconfig from shutting this node down, without any network traffic.
 *
 * @param path file, or directory of a Talos ServiceAccount's Secret
 * @param context context in it; undefined = the one that it chooses
 * @param endpoints those to use in place of the talosconfig's; may be empty
 * @returns a sentence that says what is wrong, or undefined
 */
export async function findCredentialsFault(
  path: string,
  context: string | undefined,
  endpoints: readonly string[],
  publish: Publish,
): Promise<string | undefined> {
  try {
    const credentials = await readCredentials(path, context, publish);
    const chosen = endpoints.length > 0 ? endpoints : credentials.endpoints;
    const hosts = chosen.map((text) => parseEndpoint(text).host);
    return certificateDateFault(credentials, new Date()) ?? roleFault(credentials.roles) ??
      endpointFault(hosts);
  } catch (error) {
    if (error instanceof TalosconfigError || error instanceof EndpointError) return error.message;
    throw error;
  }
}

function endpointFault(hosts: readonly string[]): string | undefined {
  if (hosts.length === 0) {
    return "the talosconfig has no endpoint; set --talos-endpoint to this node's address " +
      "(status.hostIP)";
  }
  if (hosts.every((host) => host === "talos.default")) {
    return "the talosconfig's endpoint talos.default is only the control planes; " +
      "set --talos-endpoint to this node's address (status.hostIP)";
  }
  return undefined;
}
