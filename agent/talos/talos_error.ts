import { FaultError } from "../fault.ts";
import { type GrpcCodeName, grpcCodeName } from "./grpc/status.ts";

/**
 * Why a call failed:
 * - `status`: Talos answered with a gRPC status that is not OK;
 * - `unreachable`: no connection (refused, no route, no such name, nobody answers);
 * - `server-untrusted`: no authority of the talosconfig has signed the server's certificate;
 * - `server-name`: the server's certificate is not for the address or name that was dialled;
 * - `server-certificate`: the server's certificate cannot be used for another reason;
 * - `client-rejected`: the server does not accept the client certificate;
 * - `tls`: the TLS handshake failed in another way;
 * - `deadline`: no answer in time after the request was sent;
 * - `cut`: the connection broke after the request was sent;
 * - `protocol`: what came back is not a gRPC reply of Talos;
 * - `cancelled`: the caller gave up.
 */
export type TalosFailure =
  | "status"
  | "unreachable"
  | "server-untrusted"
  | "server-name"
  | "server-certificate"
  | "client-rejected"
  | "tls"
  | "deadline"
  | "cut"
  | "protocol"
  | "cancelled";

/** What `TalosError` is made of. */
export interface TalosErrorDetails {
  readonly failure: TalosFailure;
  /** gRPC status code; one of the transport's own when Talos has not answered. */
  readonly code: number;
  /** `HOST:PORT`. */
  readonly endpoint: string;
  /** Method name, such as `Shutdown`; undefined before one was called. */
  readonly method: string | undefined;
  /** What Talos or the transport said. */
  readonly text: string;
  /** Whether Talos may have done what was asked although the call failed. */
  readonly mayHaveHappened: boolean;
  readonly cause?: unknown;
}

/** A call to the Talos API that failed. */
export class TalosError extends FaultError implements TalosErrorDetails {
  override readonly name = "TalosError";
  readonly failure: TalosFailure;
  readonly code: number;
  readonly codeName: GrpcCodeName;
  readonly endpoint: string;
  readonly method: string | undefined;
  readonly text: string;
  readonly mayHaveHappened: boolean;

  constructor(details: TalosErrorDetails) {
    const codeName = grpcCodeName(details.code);
    const what = details.method === undefined ? "" : `${details.method} `;
    super(
      `Talos API ${what}at ${details.endpoint}: ${codeName} (${details.code}): ${details.text}`,
      undefined,
      { cause: details.cause },
    );
    this.failure = details.failure;
    this.code = details.code;
    this.codeName = codeName;
    this.endpoint = details.endpoint;
    this.method = details.method;
    this.text = details.text;
    this.mayHaveHappened = details.mayHaveHappened;
  }
}
