/** The Talos API and the agent of the own node are never behind a proxy, and `fetch` cannot be told so otherwise. */
const PROXY_VARIABLES = [
  "HTTPS_PROXY",
  "https_proxy",
  "ALL_PROXY",
  "all_proxy",
  "HTTP_PROXY",
  "http_proxy",
];

/** Makes this process connect without a proxy, whatever its environment says. */
export function ignoreProxies(): void {
  for (const variable of PROXY_VARIABLES) Deno.env.delete(variable);
}
