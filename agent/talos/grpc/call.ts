import type { Deadline } from "./deadline.ts";
import { grpcFrame, GrpcFrameError } from "./frame.ts";
import { grpcCode, readGrpcStatus } from "./status.ts";
import { TalosError, type TalosErrorDetails } from "../talos_error.ts";
import { callFailure } from "./transport_failure.ts";

/** A gRPC server, as calls need to know it. */
export interface GrpcServer {
  /** What errors call it: `HOST:PORT`, or the path of a socket. */
  readonly name: string;
  /** What the URLs of its methods begin with, such as `https://192.0.2.10:50000`. */
  readonly origin: string;
  /** Sent with each call. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** A call of gRPC over HTTP/2 with one request message. */
export interface GrpcCall {
  readonly server: GrpcServer;
  /** The service's full name, such as `machine.MachineService`. */
  readonly service: string;
  readonly method: string;
  /** The encoded request message. */
  readonly request: Uint8Array;
  /** Whether the call changes nothing, so that one without an answer may simply be repeated. */
  readonly readOnly: boolean;
  readonly deadline: Deadline;
}

/** Codes with which a server gives up on a request that its handler may still be at. */
const UNDECIDED = [grpcCode("CANCELLED"), grpcCode("DEADLINE_EXCEEDED")];

/**
 * Makes a call over `fetch` and gives the answer's body, whose messages have yet to be read.
 * `client` carries the certificates or the socket, and must speak HTTP/2 only. fetch does not show
 * trailers; so the call has succeeded when the answer is HTTP 200 of type application/grpc without
 * a `grpc-status` header (servers put errors there).
 *
 * @throws TalosError when that is not so, and whatever `fetch` throws; see `callError`.
 */
export async function openCall(
  client: Deno.HttpClient,
  call: GrpcCall,
): Promise<AsyncIterable<Uint8Array>> {
  const { server, deadline } = call;
  const response = await fetch(`${server.origin}/${call.service}/${call.method}`, {
    method: "POST",
    client,
    headers: {
      ...server.metadata,
      "content-type": "application/grpc",
      "te": "trailers",
      "grpc-timeout": grpcTimeout(deadline.milliseconds),
    },
    body: grpcFrame(call.request),
    redirect: "manual",
    signal: deadline.signal,
  });
  const refusal = readRefusal(response);
  if (refusal !== undefined) {
    await response.body?.cancel();
    throw failedCall(call, refusal);
  }
  return response.body ?? emptyBody();
}

/** What has gone wrong with a call, by what `openCall` or reading its body has thrown. */
export function callError(call: GrpcCall, cause: unknown): TalosError {
  if (cause instanceof TalosError) return cause;
  const { deadline } = call;
  if (deadline.signal.aborted) {
    return failedCall(call, {
      failure: deadline.expired ? "deadline" : "cancelled",
      code: grpcCode(deadline.expired ? "DEADLINE_EXCEEDED" : "CANCELLED"),
      text: deadline.expired ? `no answer within ${deadline.milliseconds} ms` : "abandoned",
      mayHaveHappened: true,
      cause,
    });
  }
  if (cause instanceof GrpcFrameError) {
    return failedCall(call, {
      failure: "protocol",
      code: grpcCode("INTERNAL"),
      text: `the answer has ${cause.message}`,
      mayHaveHappened: true,
      cause,
    });
  }
  return failedCall(call, { code: grpcCode("UNAVAILABLE"), ...callFailure(cause), cause });
}

function failedCall(
  call: GrpcCall,
  details: Omit<TalosErrorDetails, "endpoint" | "method">,
): TalosError {
  return new TalosError({
    ...details,
    endpoint: call.server.name,
    method: call.method,
    mayHaveHappened: details.mayHaveHappened && !call.readOnly,
  });
}

/** Why the answer's head alone says that the call has failed; undefined when it does not. */
function readRefusal(
  response: Response,
): Omit<TalosErrorDetails, "endpoint" | "method"> | undefined {
  const type = response.headers.get("content-type") ?? "";
  if (response.status !== 200 || !/^application\/grpc($|[+;])/.test(type)) {
    return {
      failure: "protocol",
      code: grpcCode(response.status === 200 ? "UNKNOWN" : httpCodeName(response.status)),
      text: `HTTP ${response.status} of type ${JSON.stringify(type)} is not a gRPC reply`,
      mayHaveHappened: false,
    };
  }
  const status = readGrpcStatus(response.headers);
  if (status === undefined || status.code === 0) return undefined;
  return {
    failure: "status",
    code: status.code,
    text: status.message,
    mayHaveHappened: UNDECIDED.includes(status.code),
  };
}

/** The gRPC status for an HTTP status that is not 200 (gRPC's http-grpc-status-mapping). */
function httpCodeName(
  status: number,
):
  | "INTERNAL"
  | "UNAUTHENTICATED"
  | "PERMISSION_DENIED"
  | "UNIMPLEMENTED"
  | "UNAVAILABLE"
  | "UNKNOWN" {
  switch (status) {
    case 400:
      return "INTERNAL";
    case 401:
      return "UNAUTHENTICATED";
    case 403:
      return "PERMISSION_DENIED";
    case 404:
      return "UNIMPLEMENTED";
    case 429:
    case 502:
    case 503:
    case 504:
      return "UNAVAILABLE";
    default:
      return "UNKNOWN";
  }
}

/** At most 8 digits and a unit: milliseconds while they fit, then seconds. */
function grpcTimeout(milliseconds: number): string {
  const whole = Math.max(1, Math.ceil(milliseconds));
  return whole < 100_000_000 ? `${whole}m` : `${Math.min(99_999_999, Math.ceil(whole / 1000))}S`;
}

async function* emptyBody(): AsyncGenerator<Uint8Array> {}
