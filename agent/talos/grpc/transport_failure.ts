import { messageOf } from "../../fault.ts";
import type { TalosFailure } from "../talos_error.ts";

/** What a transport error means. */
export interface TransportFailure {
  readonly failure: TalosFailure;
  /** The error in plain words, with what the TLS library said of it. */
  readonly text: string;
  /** Whether the request may have reached Talos. */
  readonly mayHaveHappened: boolean;
}

/**
 * What an error of `Deno.connect`, `Deno.connectTls` or the handshake on it means. Nothing has been
 * sent then. The texts are those of rustls and of the operating system, which is all that Deno
 * gives; transport_failure_test.ts holds them to it.
 */
export function connectFailure(error: unknown): TransportFailure {
  const text = plainText(error);
  return { failure: tlsFailure(text) ?? "unreachable", text, mayHaveHappened: false };
}

/**
 * What it means when the connection ends between the TLS handshake and the server's first HTTP/2
 * frame: in TLS 1.3 the client is done before the server has looked at its certificate, so this is
 * where a rejected client certificate shows, by an alert or by nothing but the end.
 */
export function rejectionFailure(error: unknown): TransportFailure {
  const text = plainText(error);
  const failure = tlsFailure(text) ?? "client-rejected";
  return { failure, text, mayHaveHappened: false };
}

/**
 * What an error of `fetch` means, or of reading its answer. Only an error that says that the
 * connection was not made, or the stream refused (RFC 9113, 8.7), rules out that Talos has got the
 * request.
 */
export function callFailure(error: unknown): TransportFailure {
  const text = plainText(error);
  if (text.includes("client error (Connect)")) return connectFailure(error);
  const refused = text.includes("refused stream before processing any application logic");
  const tls = tlsFailure(text);
  // An alert that is not about certificates can come at any time.
  if (tls !== undefined && tls !== "tls") return { failure: tls, text, mayHaveHappened: false };
  return { failure: "cut", text, mayHaveHappened: !refused };
}

function tlsFailure(text: string): TalosFailure | undefined {
  if (
    /invalid peer certificate: (UnknownIssuer|BadSignature|UnsupportedSignatureAlgorithm)/.test(
      text,
    )
  ) {
    // All Talos authorities have the same name, so another one shows by its signature.
    return "server-untrusted";
  }
  if (text.includes("certificate not valid for name")) return "server-name";
  if (text.includes("invalid peer certificate")) return "server-certificate";
  if (/received fatal alert: \w*(Certificate|UnknownCA|AccessDenied)/.test(text)) {
    return "client-rejected";
  }
  return /received fatal alert|corrupt message/.test(text) ? "tls" : undefined;
}

/** The error's message without the URL and the pointer to rustls' documentation. */
function plainText(error: unknown): string {
  let message = messageOf(error);
  // Deno from 2.9 on says what failed in the cause only.
  if (message === "fetch failed" && error instanceof Error && error.cause instanceof Error) {
    message = error.cause.message;
  }
  return message
    .replace(/^error sending request (from \S+ )?for (url )?\S+( \(\S+\))?: /, "")
    .replace(/: https:\/\/docs\.rs\/\S+/, "")
    .replace(/^connection error: /, "");
}
