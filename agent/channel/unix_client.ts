import { messageOf } from "../fault.ts";
import { isJsonObject, type JsonObject } from "../protocol/json_value.ts";
import { JsonMessageStream } from "../protocol/json_message_stream.ts";
import { writeJson } from "../protocol/json_writer.ts";
import { ChannelError } from "./channel.ts";

/** How `callOverSocket` sees a request without an answer. */
export interface CallOverSocketOptions {
  /** The connection may end instead of an answer: the machine goes down. */
  readonly mayGoDown?: boolean;
  /** Gives up when it is aborted. */
  readonly signal?: AbortSignal;
}

/**
 * Sends a request to the agent that listens on a unix socket, as its client.
 *
 * @returns the reply's envelope, or undefined for a success that is not answered
 * @throws ChannelError when no agent answers; what `signal` was aborted with
 */
export async function callOverSocket(
  path: string,
  request: JsonObject,
  { mayGoDown = false, signal }: CallOverSocketOptions = {},
): Promise<JsonObject | undefined> {
  let connection: Deno.UnixConn;
  try {
    connection = await Deno.connect({ transport: "unix", path });
  } catch (error) {
    const reason = messageOf(error);
    throw new ChannelError(`no agent answers on ${path}: ${reason}`, undefined, { cause: error });
  }
  using closing = new DisposableStack();
  closing.defer(() => closeOnce(connection));
  const giveUp = () => closeOnce(connection);
  signal?.addEventListener("abort", giveUp);
  closing.defer(() => signal?.removeEventListener("abort", giveUp));
  try {
    return await exchange(connection, path, request, mayGoDown);
  } catch (error) {
    throw signal?.aborted ? signal.reason : error;
  }
}

async function exchange(
  connection: Deno.UnixConn,
  path: string,
  request: JsonObject,
  mayGoDown: boolean,
): Promise<JsonObject | undefined> {
  // The ping behind the command shows that the command has succeeded without an answer.
  const requests = [{ ...request, id: "call" }, { execute: "guest-ping", id: "end" }];
  const text = requests.map((each) => `${writeJson(each)}\n`).join("");
  await writeAll(connection, new TextEncoder().encode(text));
  const stream = new JsonMessageStream();
  for await (const bytes of connection.readable) {
    for (const message of stream.feed(withoutSentinel(bytes))) {
      if (!("value" in message) || !isJsonObject(message.value)) continue;
      if (message.value["id"] === "call") return message.value;
      if (message.value["id"] === "end") return undefined;
    }
  }
  // A machine that goes down takes the connection with it.
  if (mayGoDown) return undefined;
  throw new ChannelError(`the agent on ${path} closed the connection without an answer`);
}

async function writeAll(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let offset = 0; offset < bytes.length;) {
    offset += await connection.write(bytes.subarray(offset));
  }
}

/** Bytes of a reply without the 0xFF that guest-sync-delimited puts before its. */
export function withoutSentinel(bytes: Uint8Array): Uint8Array {
  return bytes.filter((byte) => byte !== 0xff);
}

/** A connection that was given up, or read to its end, is closed already. */
function closeOnce(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch (error) {
    if (!(error instanceof Deno.errors.BadResource)) throw error;
  }
}
