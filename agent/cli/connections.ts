/** Through which `fetch` would connect; it cannot be told otherwise. */
const PROXY_VARIABLES = [
  "HTTPS_PROXY",
  "https_proxy",
  "ALL_PROXY",
  "all_proxy",
  "HTTP_PROXY",
  "http_proxy",
];

/** Where Deno takes certificate authorities from, when the first connection is made. */
const STORES_VARIABLE = "DENO_TLS_CA_STORE";
/** A list of stores without one. */
const NO_STORES = ",";

/**
 * Sets up this process' connections over HTTP and TLS, before the first of them is made. The Talos API
 * and the agent of the own node are never behind a proxy, whatever the environment says. No certificate
 * authority is trusted but the one that a client is given: `caCerts` of `Deno.createHttpClient` adds to
 * Deno's own, and any of those could vouch for an endpoint with a DNS name.
 */
export function setUpConnections(): void {
  for (const variable of PROXY_VARIABLES) Deno.env.delete(variable);
  Deno.env.set(STORES_VARIABLE, NO_STORES);
}
