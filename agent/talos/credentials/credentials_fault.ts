import type { Publish } from "../../activity/activity.ts";
import { readCredentials } from "./credentials.ts";
import { EndpointError, parseEndpoint } from "../endpoint.ts";
import { type Fault, faultSentence } from "../../fault.ts";
import { findCertificateDateFault, findRoleFault } from "../failure_advice.ts";
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
    return faultSentence(
      findCertificateDateFault(credentials, new Date()) ?? findRoleFault(credentials.roles) ??
        findEndpointFault(hosts),
    );
  } catch (error) {
    if (error instanceof TalosconfigError || error instanceof EndpointError) return error.message;
    throw error;
  }
}

/** What is wrong with the endpoints that power calls would go to, by their hosts. */
export function findEndpointFault(hosts: readonly string[]): Fault | undefined {
  const remedy = "set --talos-endpoint to this node's address (status.hostIP)";
  if (hosts.length === 0) return { fact: "the talosconfig has no endpoint", remedy };
  if (hosts.every((host) => host === "talos.default")) {
    return {
      fact: "the talosconfig's endpoint talos.default is only the control planes",
      remedy,
    };
  }
  return undefined;
}
