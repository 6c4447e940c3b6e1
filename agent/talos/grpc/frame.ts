/** The largest message that Talos sends or takes, in bytes. */
export const MAX_MESSAGE_BYTES = 32 * 1024 * 1024;

/** Bytes before each message: one that says "compressed", four for its length. */
const PREFIX_BYTES = 5;

/** What is thrown when an answer's body is not made of the plain messages that it must have. */
export class GrpcFrameError extends Error {
  override readonly name = "GrpcFrameError";
}

/** Puts the prefix of gRPC over HTTP/2 ("Length-Prefixed-Message") before an uncompressed message. */
export function grpcFrame(message: Uint8Array): Uint8Array<ArrayBuffer> {
  const frame = new Uint8Array(PREFIX_BYTES + message.length);
  new DataView(frame.buffer).setUint32(1, message.length);
  frame.set(message, PREFIX_BYTES);
  return frame;
}

/**
 * Reads a body that must be one uncompressed length-prefixed message, as that of an answer to a
 * unary call is, and gives the message. Stops reading as soon as the body cannot be that.
 *
 * @throws GrpcFrameError when the body is empty, cut short, compressed, followed by more, or larger
 *   than `MAX_MESSAGE_BYTES`; and whatever `body` throws.
 */
export async function readGrpcFrame(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  let message: Uint8Array | undefined;
  for await (const next of readGrpcFrames(body, true)) message = next;
  if (message === undefined) {
    throw new GrpcFrameError("no message; its status, if any, came where it cannot be seen");
  }
  return message;
}

/**
 * Reads a body that is made of uncompressed length-prefixed messages and gives each as soon as it is
 * whole. Stops reading as soon as the body cannot be that.
 *
 * @param isOne whether nothing may follow the first message; default false.
 * @throws GrpcFrameError when the last message is cut short, one is compressed or larger than
 *   `MAX_MESSAGE_BYTES`, or more follows where nothing may; and whatever `body` throws.
 */
export async function* readGrpcFrames(
  body: AsyncIterable<Uint8Array>,
  isOne = false,
): AsyncGenerator<Uint8Array> {
  const prefix = new Uint8Array(PREFIX_BYTES);
  let message: Uint8Array | undefined;
  let received = 0;
  let isFirst = true;
  for await (const chunk of body) {
    let rest = chunk;
    while (rest.length > 0) {
      if (isOne && !isFirst) throw new GrpcFrameError("more bytes than its one message has");
      const target = message ?? prefix;
      const offset = message === undefined ? received : received - PREFIX_BYTES;
      const part = rest.subarray(0, target.length - offset);
      target.set(part, offset);
      received += part.length;
      rest = rest.subarray(part.length);
      if (received === PREFIX_BYTES) message = allocate(prefix);
      if (message === undefined || received < PREFIX_BYTES + message.length) continue;
      yield message;
      message = undefined;
      received = 0;
      isFirst = false;
    }
  }
  if (received > 0) throw new GrpcFrameError(`only ${received} bytes of its message`);
}

function allocate(prefix: Uint8Array): Uint8Array {
  if (prefix[0] !== 0) {
    throw new GrpcFrameError("a compressed message, which was not asked for");
  }
  const length = new DataView(prefix.buffer).getUint32(1);
  if (length > MAX_MESSAGE_BYTES) {
    throw new GrpcFrameError(`a message of ${length} bytes, more than ${MAX_MESSAGE_BYTES}`);
  }
  return new Uint8Array(length);
}
