/** The status codes of gRPC by number. */
const NAMES = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
] as const;

/** Name of a gRPC status code. */
export type GrpcCodeName = typeof NAMES[number];

/** A gRPC status that arrived in an answer's headers. */
export interface GrpcStatus {
  readonly code: number;
  /** The decoded `grpc-message`; empty when there was none. */
  readonly message: string;
}

/** The number of a gRPC status code. */
export function grpcCode(name: GrpcCodeName): number {
  return NAMES.indexOf(name);
}

/** The name of a gRPC status code; a number that gRPC does not know counts as UNKNOWN. */
export function grpcCodeName(code: number): GrpcCodeName {
  return NAMES[code] ?? "UNKNOWN";
}

/**
 * The status in the headers of an answer, which is where it stands when nothing else follows
 * ("Trailers-Only" in gRPC over HTTP/2). Undefined when the headers name none; a value that is no
 * number counts as UNKNOWN, as in other gRPC clients.
 */
export function readGrpcStatus(headers: Headers): GrpcStatus | undefined {
  const text = headers.get("grpc-status");
  if (text === null) return undefined;
  const code = /^\d{1,3}$/.test(text) ? Number(text) : grpcCode("UNKNOWN");
  return { code, message: decodeGrpcMessage(headers.get("grpc-message") ?? "") };
}

/**
 * Decodes a `grpc-message` header: percent-encoded UTF-8. What is not well encoded stays as it is,
 * since the protocol forbids to drop a message for that.
 */
export function decodeGrpcMessage(text: string): string {
  return text.replaceAll(/(?:%[0-9A-Fa-f]{2})+/g, (encoded) => {
    const bytes = Uint8Array.fromHex(encoded.replaceAll("%", ""));
    return new TextDecoder().decode(bytes);
  });
}
