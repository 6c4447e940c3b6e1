import type { JsonItems } from "./json_items.ts";
import type { JsonValue } from "./json_value.ts";
import type { JsonWriter } from "./json_writer.ts";
import { beginReturn, endReply } from "./reply.ts";

/**
 * How long others wait for their first turn, and then for each: a request over HTTP takes three or four.
 * Most lists are made before the first.
 */
const FIRST_TURN_MS = 8;
const TURN_MS = 4;
/** Bytes after which a piece is sent. */
const PIECE_LENGTH = 32 * 1024;

/**
 * The bytes of a successful reply with a list, in pieces, the last of which is returned: a
 * short list is whole with the first call. A piece is valid until the next one is asked for. Long work on
 * it lets timers and HTTP have their turn in between, a short one does not wait for them.
 *
 * @param writer a new one, which holds a piece at a time
 * @param othersTurn lets the event loop do what else there is to do
 * @throws whatever `items` throws, RangeError for what JSON cannot express
 */
export async function* replyPieces(
  writer: JsonWriter,
  items: JsonItems,
  id: JsonValue | undefined,
  othersTurn: () => Promise<void>,
): AsyncGenerator<Uint8Array, Uint8Array, void> {
  beginReturn(writer);
  let separator = "[";
  let nextTurn = performance.now() + FIRST_TURN_MS;
  for (const step of items.steps) {
    for (const item of step ?? []) {
      writer.raw(separator);
      writer.write(item);
      separator = ", ";
      if (writer.length < PIECE_LENGTH) continue;
      yield writer.written();
      writer.clear();
    }
    if (performance.now() < nextTurn) continue;
    await othersTurn();
    nextTurn = performance.now() + TURN_MS;
  }
  writer.raw(separator === "[" ? "[]" : "]");
  endReply(writer, id);
  return writer.written();
}
