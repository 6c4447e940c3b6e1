import type { Identity } from "./pki.ts";

/** What `talosconfigText` writes. */
export interface TalosconfigParts {
  /** PEM of the certificate authorities; empty leaves the field empty. */
  readonly ca: string;
  readonly client: Identity;
  /** Default: `127.0.0.1`. */
  readonly endpoints?: readonly string[];
  /** Name of the one context. Default: `default`, as a Talos ServiceAccount has it. */
  readonly context?: string;
}

/** The text of a talosconfig with one context, as Talos writes it for a ServiceAccount. */
export function talosconfigText(parts: TalosconfigParts): string {
  const context = parts.context ?? "default";
  const endpoints = parts.endpoints ?? ["127.0.0.1"];
  return [
    `context: ${context}`,
    "contexts:",
    `  ${context}:`,
    endpoints.length === 0 ? "    endpoints: []" : "    endpoints:",
    ...endpoints.map((endpoint) => `      - ${JSON.stringify(endpoint)}`),
    `    ca: ${btoa(parts.ca)}`,
    `    crt: ${btoa(parts.client.certificate)}`,
    `    key: ${btoa(parts.client.key)}`,
    "",
  ].join("\n");
}
