import { FaultError } from "../fault.ts";
/** Where a Talos API listens. */
export interface Endpoint {
  /** A host name or an IP address in its canonical form, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

/** The port of Talos' apid. */
export const DEFAULT_TALOS_PORT = 50000;

/** What `parseEndpoint` throws: a text that names no endpoint. */
export class EndpointError extends FaultError {
  override readonly name = "EndpointError";
}

/**
 * Reads an endpoint as a talosconfig or `--talos-endpoint` has it: a host name, an IPv4 or IPv6
 * address, `HOST:PORT`, `[IPV6]:PORT`, `https://HOST[:PORT]`. The port is 50000 when there is none,
 * after `https://` 443.
 *
 * @throws EndpointError when the text is none of these.
 */
export function parseEndpoint(text: string): Endpoint {
  const trimmed = text.trim();
  const [, scheme, rest] = /^(?:([A-Za-z][A-Za-z0-9+.-]*):\/\/)?(.*)$/s.exec(trimmed) ?? [];
  if (scheme !== undefined && scheme.toLowerCase() !== "https") {
    throw new EndpointError(`endpoint ${JSON.stringify(text)}: only https:// can be used`);
  }
  const address = rest?.replace(/\/$/, "") ?? "";
  const bareIpv6 = !address.startsWith("[") && address.split(":").length > 2;
  const authority = bareIpv6 ? `[${address}]` : address;
  const [, hostPart, portPart] = /^(\[[^\]]*\]|[^:/?#@[\]\s]+)(?::(\d{1,5}))?$/.exec(authority) ??
    [];
  const url = hostPart === undefined ? null : URL.parse(`https://${hostPart}`);
  const port = portPart !== undefined
    ? Number(portPart)
    : scheme !== undefined
    ? 443
    : DEFAULT_TALOS_PORT;
  if (url === null || url.pathname !== "/" || port < 1 || port > 65535) {
    throw new EndpointError(
      `endpoint ${JSON.stringify(text)} is none: write HOST, HOST:PORT or [IPV6]:PORT`,
    );
  }
  return { host: url.hostname.replace(/^\[|\]$/g, ""), port };
}

/**
 * The hosts of those endpoints that can be read; one that cannot is an error for whoever dials it, and `check`
 * and the log report it.
 */
export function endpointHosts(texts: readonly string[]): string[] {
  return texts.flatMap((text) => {
    try {
      return [parseEndpoint(text).host];
    } catch (error) {
      if (error instanceof EndpointError) return [];
      throw error;
    }
  });
}

/** `HOST:PORT`, or `[IPV6]:PORT`. */
export function formatEndpoint(endpoint: Endpoint): string {
  const host = endpoint.host.includes(":") ? `[${endpoint.host}]` : endpoint.host;
  return `${host}:${endpoint.port}`;
}

/** Whether the endpoint has an IP address rather than a name. */
export function isAddress(endpoint: Endpoint): boolean {
  return endpoint.host.includes(":") || /^\d+\.\d+\.\d+\.\d+$/.test(endpoint.host);
}

/** Whether the endpoint is an address of the loopback interface, which is always this machine. */
export function isLoopback(endpoint: Endpoint): boolean {
  return endpoint.host === "::1" || endpoint.host === "localhost" ||
    /^127\.\d+\.\d+\.\d+$/.test(endpoint.host);
}

/** Whether the endpoint is one of the IP addresses, however they are written. */
export function isOneOf(endpoint: Endpoint, addresses: readonly string[]): boolean {
  return addresses.some((address) => {
    // A link-local address carries its interface after `%`, and a prefix may follow.
    const plain = address.replace(/[%/].*$/, "");
    const url = URL.parse(`https://${plain.includes(":") ? `[${plain}]` : plain}`);
    return url?.hostname.replace(/^\[|\]$/g, "") === endpoint.host;
  });
}
