import { callError, type GrpcCall, openCall } from "./call.ts";
import { readGrpcFrames } from "./frame.ts";

/**
 * Makes a call that is answered by a stream of messages, and gives each of them, encoded, as it
 * comes. Who stops iterating ends the call. How the server ends the stream cannot be seen; see
 * `openCall`.
 *
 * @throws TalosError when the server refuses the call, the connection is lost, the stream is not
 *   made of whole messages, or the deadline, which is that of the whole stream, runs out.
 */
export async function* serverStream(
  client: Deno.HttpClient,
  call: GrpcCall,
): AsyncGenerator<Uint8Array> {
  try {
    yield* readGrpcFrames(await openCall(client, call));
  } catch (cause) {
    throw callError(call, cause);
  }
}
