import { callError, type GrpcCall, openCall } from "./call.ts";
import { readGrpcFrame } from "./frame.ts";

/**
 * Makes a unary call, whose answer is one whole message, and gives that message, encoded.
 *
 * @throws TalosError on everything else, when the deadline runs out too.
 */
export async function unaryCall(client: Deno.HttpClient, call: GrpcCall): Promise<Uint8Array> {
  try {
    return await readGrpcFrame(await openCall(client, call));
  } catch (cause) {
    throw callError(call, cause);
  }
}
