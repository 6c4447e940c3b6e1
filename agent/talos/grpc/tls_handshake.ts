import { trustOnly } from "./trusted_authorities.ts";
import type { Credentials } from "../credentials/credentials.ts";
import { Deadline } from "./deadline.ts";
import { type Endpoint, formatEndpoint, isAddress } from "../endpoint.ts";
import { grpcCode } from "./status.ts";
import { TalosError } from "../talos_error.ts";
import { connectFailure, rejectionFailure, type TransportFailure } from "./transport_failure.ts";

/** How long the server may take to say its first word after the handshake, in milliseconds. */
const FIRST_FRAME_MS = 1000;

/**
 * Connects to a Talos API, makes the TLS handshake and waits for the first HTTP/2 frame of the
 * server, then hangs up. What fails here has surely not reached Talos; once a request is under way,
 * a rejected client certificate, a server that restarts and a machine that goes down because the
 * request was obeyed look the same.
 *
 * @throws TalosError when the server is not reached, not trusted, or does not accept the client
 *   certificate; never with `mayHaveHappened`.
 */
export async function probeHandshake(
  endpoint: Endpoint,
  credentials: Credentials,
  deadline: Deadline,
): Promise<void> {
  const fail = (failure: TransportFailure, cause: unknown): never => {
    const cancelled = deadline.signal.aborted && !deadline.expired;
    const timedOut = deadline.expired;
    throw new TalosError({
      failure: cancelled ? "cancelled" : timedOut ? "unreachable" : failure.failure,
      code: grpcCode(cancelled ? "CANCELLED" : "UNAVAILABLE"),
      endpoint: formatEndpoint(endpoint),
      method: undefined,
      text: cancelled
        ? "abandoned"
        : timedOut
        ? `no TLS handshake within ${deadline.milliseconds} ms`
        : failure.text,
      mayHaveHappened: false,
      cause,
    });
  };
  using tls = await dial(endpoint, credentials, deadline.signal)
    .catch((error: unknown) => fail(connectFailure(error), error));
  const hangUp = (): void => tls.shut();
  deadline.signal.addEventListener("abort", hangUp);
  try {
    await tls.connection.handshake().catch((error) => fail(connectFailure(error), error));
    using firstFrame = new Deadline(FIRST_FRAME_MS, deadline.signal);
    firstFrame.signal.addEventListener("abort", hangUp);
    const bytes = await tls.connection.read(new Uint8Array(9)).catch((error: unknown) => {
      // Silence is no proof of anything: the call itself will show what it means.
      if (firstFrame.expired) return 0;
      return fail(rejectionFailure(error), error);
    });
    if (bytes === null) {
      const end = new Error("it closed the connection right after the TLS handshake");
      fail(rejectionFailure(end), end);
    }
  } finally {
    deadline.signal.removeEventListener("abort", hangUp);
  }
}

/** A TLS connection that may be closed by a timer and by its owner, whoever comes first. */
class Tls implements Disposable {
  readonly connection: Deno.TlsConn;
  #open = true;

  constructor(connection: Deno.TlsConn) {
    this.connection = connection;
  }

  shut(): void {
    if (!this.#open) return;
    this.#open = false;
    this.connection.close();
  }

  [Symbol.dispose](): void {
    this.shut();
  }
}

async function dial(
  endpoint: Endpoint,
  credentials: Credentials,
  signal: AbortSignal,
): Promise<Tls> {
  const address = { hostname: endpoint.host, port: endpoint.port };
  // connectTls takes no signal, so that a first connection finds out whether anybody is there. Not
  // for names: when one is not found, Deno.connect never frees the handle that its signal needs.
  if (isAddress(endpoint)) (await Deno.connect({ ...address, signal })).close();
  const connecting = Deno.connectTls({
    ...address,
    cert: credentials.certificate,
    key: credentials.key,
    caCerts: trustOnly(credentials.authorities),
    alpnProtocols: ["h2"],
  });
  return new Tls(await unlessAborted(connecting, signal));
}

/** Waits for a connection; one that comes after `signal` was aborted is closed. */
async function unlessAborted(
  connecting: Promise<Deno.TlsConn>,
  signal: AbortSignal,
): Promise<Deno.TlsConn> {
  const aborted = Promise.withResolvers<never>();
  const giveUp = (): void => aborted.reject(signal.reason);
  signal.addEventListener("abort", giveUp);
  if (signal.aborted) giveUp();
  try {
    return await Promise.race([connecting, aborted.promise]);
  } catch (error) {
    // A failure that comes later has nobody left to tell.
    connecting.then((late) => late.close(), () => {});
    throw error;
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}
