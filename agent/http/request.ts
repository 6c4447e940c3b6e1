/** The part of a request that a page needs; bodies are not read. */
export interface HttpRequest {
  readonly method: string;
  /** Percent-encoded, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Of the header `accept`; undefined when there is none. */
  readonly accept: string | undefined;
}

/** A request that cannot be understood, and the HTTP status that says so. */
export class HttpRequestError extends Error {
  override readonly name = "HttpRequestError";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** The longest head of a request, in bytes; browsers and Prometheus need less than 1 KiB. */
export const LONGEST_HEAD = 8 * 1024;

const decoder = new TextDecoder("latin1");
const LF = 0x0a;
const CR = 0x0d;

/** Where the head of a request ends, its empty line included; undefined when it is not all there. */
export function findHeadEnd(bytes: Uint8Array): number | undefined {
  for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    const next = bytes[at + 1] === CR ? at + 2 : at + 1;
    if (bytes[next] === LF) return next + 1;
  }
  return undefined;
}

/**
 * Reads the head of a request (RFC 9112).
 *
 * @throws HttpRequestError when it is none
 */
export function readHead(bytes: Uint8Array): HttpRequest {
  const [first = "", ...lines] = decoder.decode(bytes).split(/\r?\n/);
  const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+) (\S+) HTTP\/(\d)\.\d$/.exec(first);
  if (match === null) throw new HttpRequestError(400, "this is not an HTTP request");
  const [, method = "", target = "", version] = match;
  if (version !== "1") throw new HttpRequestError(505, "only HTTP/1.1 is served here");
  // In the form for proxies the target is a whole URL.
  const url = URL.parse(target, "http://localhost");
  if (url === null) throw new HttpRequestError(400, "the request's target is not a path");
  return { method, path: url.pathname, query: url.searchParams, accept: header(lines, "accept") };
}

function header(lines: readonly string[], name: string): string | undefined {
  const values = lines.flatMap((line) => {
    const colon = line.indexOf(":");
    return colon > 0 && line.slice(0, colon).toLowerCase() === name
      ? [line.slice(colon + 1).trim()]
      : [];
  });
  return values.length === 0 ? undefined : values.join(",");
}
