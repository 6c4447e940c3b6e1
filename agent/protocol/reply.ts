import { type CommandResult, ResultWithBytes } from "./command_result.ts";
import { jsonTexts, LONGEST_PIECE } from "./json_texts.ts";
import type { JsonValue } from "./json_value.ts";
import { writeJson } from "./json_writer.ts";
import type { QapiError } from "./qapi_error.ts";

const SENTINEL = "\u00ff";
/** Up to as many characters a string is written in one go. */
const SHORT_STRING = 1024;
/** An encoder's call costs more than a short text, which most replies are. */
const SHORT_TEXT = 64;

const encoder = new TextEncoder();

/**
 * The bytes of a reply, a line of ASCII JSON: in one piece, or in several when it can be large. These are
 * made while they are sent, so that a large reply takes hardly more memory than what it tells of.
 */
export class Reply implements Disposable {
  readonly #pieces: Iterable<Uint8Array>;
  readonly #result: ResultWithBytes | undefined;

  private constructor(pieces: Iterable<Uint8Array>, result?: ResultWithBytes) {
    this.#pieces = pieces;
    this.#result = result;
  }

  /**
   * That of a command that has succeeded.
   *
   * @param id that of the request; undefined when it has none
   * @param delimited whether byte 0xFF comes before it
   * @throws RangeError for a number that JSON cannot express
   */
  static success(result: CommandResult, id: JsonValue | undefined, delimited: boolean): Reply {
    const beginning = delimited ? `${SENTINEL}{"return": ` : '{"return": ';
    return result instanceof ResultWithBytes
      ? new Reply(encoded(beginning, jsonTexts(result.members), endTexts(id)), result)
      : Reply.#of(beginning + writeJson(result), id);
  }

  /** That of a request that has failed. */
  static failure(error: QapiError, id: JsonValue | undefined): Reply {
    const text = writeJson({ class: error.errorClass, desc: error.message });
    return Reply.#of(`{"error": ${text}`, id);
  }

  static #of(beginning: string, id: JsonValue | undefined): Reply {
    if (id === undefined) return new Reply([latin1Bytes(`${beginning}}\n`)]);
    return isShort(id)
      ? new Reply([latin1Bytes(`${beginning}, "id": ${writeJson(id)}}\n`)])
      : new Reply(encoded(beginning, endTexts(id)));
  }

  /** The pieces, once; each is valid until the next one is asked for. */
  [Symbol.iterator](): Iterator<Uint8Array> {
    return this.#pieces[Symbol.iterator]();
  }

  /** All of it in one array, and disposes of it. */
  toBytes(): Uint8Array<ArrayBuffer> {
    using _this = this;
    const pieces = Array.from(this, (piece) => piece.slice());
    const bytes = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
    let offset = 0;
    for (const piece of pieces) {
      bytes.set(piece, offset);
      offset += piece.length;
    }
    return bytes;
  }

  /** Gives back the memory of what it tells of, whether it was sent or not. */
  [Symbol.dispose](): void {
    this.#result?.[Symbol.dispose]();
  }
}

function isShort(value: JsonValue): boolean {
  return typeof value === "string"
    ? value.length <= SHORT_STRING
    : typeof value !== "object" || value === null;
}

function* endTexts(id: JsonValue | undefined): Generator<string, void, undefined> {
  if (id !== undefined) {
    yield ', "id": ';
    yield* jsonTexts(id);
  }
  yield "}\n";
}

/** The bytes of texts whose characters are below U+0100, each `LONGEST_PIECE` long at most. */
function* encoded(
  beginning: string,
  ...texts: readonly Iterable<string>[]
): Generator<Uint8Array, void, undefined> {
  yield latin1Bytes(beginning);
  const piece = new Uint8Array(2 * LONGEST_PIECE);
  let length = 0;
  for (const each of texts) {
    for (const text of each) {
      if (length + text.length > piece.length) {
        yield piece.subarray(0, length);
        length = 0;
      }
      length += encoder.encodeInto(text, piece.subarray(length)).written;
    }
  }
  if (length > 0) yield piece.subarray(0, length);
}

/** The bytes of a text whose characters are below U+0100, as all of a reply are. */
function latin1Bytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  if (text.length > SHORT_TEXT && encoder.encodeInto(text, bytes).read === text.length) {
    return bytes;
  }
  for (let index = 0; index < text.length; index++) bytes[index] = text.charCodeAt(index);
  return bytes;
}
