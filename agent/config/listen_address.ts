/** Where to take TCP connections. */
export interface ListenAddress {
  /** An IP address or a host name, without brackets; undefined for all addresses of the machine. */
  readonly hostname: string | undefined;
  /** 0 lets the kernel choose. */
  readonly port: number;
}

/** Reads `HOST:PORT`, `:PORT` or `[IPv6]:PORT`; undefined when it is none of them. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^\s:[\]/]*)):(\d{1,5})$/.exec(text);
  if (match === null) return undefined;
  const port = Number(match[3]);
  if (port > 65_535) return undefined;
  const hostname = match[1] ?? match[2];
  return { hostname: hostname === "" ? undefined : hostname, port };
}

/** The text that `parseListenAddress` reads. */
export function formatListenAddress({ hostname = "", port }: ListenAddress): string {
  return hostname.includes(":") ? `[${hostname}]:${port}` : `${hostname}:${port}`;
}
