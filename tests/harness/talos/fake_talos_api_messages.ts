/** How the fake Talos API is set up: what `FakeTalosApi` hands to its subprocess as JSON. */
export interface FakeTalosApiConfig {
  /** Address to listen on. */
  readonly host: string;
  /** Port to listen on; 0 = any. */
  readonly port: number;
  /** PEM of the server's certificate and key. */
  readonly certificate: string;
  readonly key: string;
  /** PEM of the authorities whose client certificates are accepted. */
  readonly clientCa: string;
  /** What Hostname answers. */
  readonly hostname: string;
  /** Path to listen on in place of all of the above, without TLS, as machined does. */
  readonly socket: string | undefined;
  /** How long the drain of a shutdown takes, in milliseconds; undefined = it never ends. */
  readonly drainMs: number | undefined;
}

/** What the fake does wrong. */
export type Fault =
  /** Answers at the right time again. */
  | { readonly fault: "none" }
  /** Waits, then answers. */
  | { readonly fault: "slow"; readonly ms: number }
  /** Takes the request and never answers. */
  | { readonly fault: "never" }
  /** Answers with this gRPC status; `inTrailers` puts it after the headers, as fetch cannot see. */
  | {
    readonly fault: "status";
    readonly code: number;
    readonly message?: string;
    readonly inTrailers?: boolean;
  }
  /** Cuts the connection before it answers, or in the middle of the message. */
  | { readonly fault: "cut"; readonly after: "request" | "headers" | "half" }
  /** Sends GOAWAY with this HTTP/2 error code (0 = NO_ERROR), then closes without an answer. */
  | { readonly fault: "goaway"; readonly code: number }
  /** Resets the stream with this HTTP/2 error code. */
  | { readonly fault: "reset"; readonly code: number }
  /** Answers with a web page. */
  | { readonly fault: "html"; readonly status: number }
  /** Answers with these bytes (hex) as the body of a successful gRPC answer. */
  | { readonly fault: "body"; readonly hex: string }
  /** Answers as apid does when it has asked another node and that failed. */
  | { readonly fault: "metadata"; readonly error: string; readonly code?: number }
  /** Serves with another certificate from the next connection on. */
  | { readonly fault: "certificate"; readonly certificate: string; readonly key: string };

/** A fault with the calls that it is for. */
export type FaultScript = Fault & {
  /** Only for this method; default all. */
  readonly method?: string;
  /** Only for so many calls, then no fault; default all. */
  readonly times?: number;
};

/** A call that reached the API. */
export interface TalosCall {
  /** Method name, such as `Shutdown`. */
  readonly method: string;
  /** The request's fields as they were sent. */
  readonly request: Readonly<Record<string, unknown>>;
  /** RFC 3339. */
  readonly time: string;
  /** The roles of the client's certificate, where the API tells them. */
  readonly roles?: readonly string[];
  /** False when the role check refused it, where the API reports that. */
  readonly allowed?: boolean;
}

/** A line that the subprocess prints. */
export type FakeTalosApiLine =
  | { readonly event: "ready"; readonly port: number }
  | ({ readonly event: "call" } & TalosCall)
  /** The last fault script is in force. */
  | { readonly event: "fault" };
