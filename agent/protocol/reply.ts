import { ResultWithBytes } from "./command_result.ts";
import { jsonTexts, LONGEST_PIECE, type Texts } from "./json_texts.ts";
import type { JsonValue } from "./json_value.ts";
import { JsonWriter } from "./json_writer.ts";
import type { QapiError } from "./qapi_error.ts";

/**
 * The bytes of a reply, a line of ASCII JSON: all of them, or piece by piece when they can be many. A piece
 * is valid until the next one is asked for. Of the pieces at least one must be taken, or what they are
 * made of is never given back: see `dropReply`.
 */
export type Reply = Uint8Array | AsyncGenerator<Uint8Array, void, void>;

/** A string of the request up to this length is written in one go. */
const SHORT_STRING = 1024;

/** Texts of which a piece is made at most: each is a value or what stands between two, and takes its time. */
const TEXTS_A_PIECE = 1024;

const encoder = new TextEncoder();

/**
 * The line that tells a success; `delimited` puts byte 0xFF before it.
 *
 * @param id that of the request; undefined when it has none
 * @throws RangeError for a number that JSON cannot express
 */
export function successReply(
  result: JsonValue | ResultWithBytes,
  id: JsonValue | undefined,
  delimited: boolean,
): Reply {
  const writer = new JsonWriter();
  if (delimited) writer.raw("\u00ff");
  beginReturn(writer);
  if (result instanceof ResultWithBytes) return longReply(writer, result, id);
  writer.write(result);
  return ended(writer, id);
}

/** The line that tells an error. */
export function errorReply(error: QapiError, id: JsonValue | undefined): Reply {
  const writer = new JsonWriter();
  writer.raw('{"error": ');
  writer.write({ class: error.errorClass, desc: error.message });
  return ended(writer, id);
}

/** Writes what stands before the value of a success. */
export function beginReturn(writer: JsonWriter): void {
  writer.raw('{"return": ');
}

/** Writes what stands behind the value of a reply: the request's id, if it had one. */
export function endReply(writer: JsonWriter, id: JsonValue | undefined): void {
  if (id !== undefined) {
    writer.raw(', "id": ');
    writer.write(id);
  }
  writer.raw("}\n");
}

/** Lets go of a reply that nobody waits for. */
export async function dropReply(reply: Reply | undefined): Promise<void> {
  if (reply === undefined || reply instanceof Uint8Array) return;
  await reply.next();
  await reply.return();
}

function ended(writer: JsonWriter, id: JsonValue | undefined): Reply {
  // What a client calls its request comes back, however long it is.
  if (!isShort(id)) return longReply(writer, undefined, id);
  endReply(writer, id);
  return writer.written();
}

function isShort(value: JsonValue | undefined): boolean {
  return typeof value === "string"
    ? value.length <= SHORT_STRING
    : typeof value !== "object" || value === null;
}

/** What was written, the members of a result, and the end of the reply, each made when it is asked for. */
async function* longReply(
  beginning: JsonWriter,
  result: ResultWithBytes | undefined,
  id: JsonValue | undefined,
): AsyncGenerator<Uint8Array, void, void> {
  using _beginning = beginning;
  using _result = result;
  yield beginning.written();
  const members = result === undefined ? [] : jsonTexts(result.members);
  for (const piece of encoded(members, endTexts(id))) yield piece;
}

function* endTexts(id: JsonValue | undefined): Texts {
  if (id !== undefined) {
    yield ', "id": ';
    yield* jsonTexts(id);
  }
  yield "}\n";
}

/** The bytes of texts of ASCII, each `LONGEST_PIECE` long at most. */
function* encoded(
  ...texts: readonly Iterable<string | Uint8Array>[]
): Generator<Uint8Array, void, undefined> {
  const piece = new Uint8Array(2 * LONGEST_PIECE);
  let length = 0;
  let count = 0;
  for (const each of texts) {
    for (const text of each) {
      if (length + text.length > piece.length || count === TEXTS_A_PIECE) {
        yield piece.subarray(0, length);
        length = 0;
        count = 0;
      }
      count++;
      if (typeof text === "string") encoder.encodeInto(text, piece.subarray(length));
      else piece.set(text, length);
      length += text.length;
    }
  }
  if (length > 0) yield piece.subarray(0, length);
}
