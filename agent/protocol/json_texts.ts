import { GrowingBytes } from "../memory/growing_bytes.ts";
import type { JsonArray, JsonValue } from "./json_value.ts";
import { escapeJson, writeJson } from "./json_writer.ts";
import { LongString } from "./long_string.ts";

/** A long string is written by pieces of as many characters, each of which can become six. */
const CHARACTERS_A_PIECE = 1024;
/** Bytes are written by pieces of as many: whole groups of three, so that no padding gets in between. */
const BYTES_A_PIECE = 36 * 1024;
/** No piece of text has more characters, but the text of a number or a short string. */
export const LONGEST_PIECE = 48 * 1024;

/** An array or object that is being written. */
interface Container {
  /** What is still to be written, with a key each in an object. */
  readonly rest: Iterator<
    readonly [key: string | undefined, value: JsonValue | GrowingBytes | undefined]
  >;
  readonly end: string;
  isFirst: boolean;
}

/** Pieces of text; some are given as bytes of ASCII, valid until the next piece is asked for. */
export type Texts = Generator<string | Uint8Array, void, undefined>;

/** Values that `jsonTexts` writes: JSON, or an object some of whose members are sent as base64 text. */
export type LongValue = JsonValue | Readonly<Record<string, JsonValue | GrowingBytes | undefined>>;

/**
 * Writes the same text as `writeJson`, but in pieces of moderate size, whatever the value is: neither
 * a long string nor bytes nor a deep tree exists as a whole text. Bytes become base64.
 */
export function* jsonTexts(value: LongValue): Texts {
  const open: Container[] = [];
  yield* valueTexts(value, open);
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    const { done, value: entry } = top.rest.next();
    if (done === true) {
      open.pop();
      yield top.end;
      continue;
    }
    const [key, member] = entry;
    if (member === undefined) continue;
    if (!top.isFirst) yield ", ";
    top.isFirst = false;
    if (key !== undefined) {
      yield* valueTexts(key, open);
      yield ": ";
    }
    yield* valueTexts(member, open);
  }
}

/** Of an array or object the beginning alone; the rest of it is put on top of `open`. */
function* valueTexts(
  value: LongValue | GrowingBytes,
  open: Container[],
): Texts {
  if (typeof value === "string") yield* stringTexts(value);
  else if (value instanceof LongString) yield* longStringTexts(value);
  else if (value instanceof GrowingBytes) yield* base64Texts(value.bytes);
  else if (isArray(value)) {
    yield "[";
    open.push({ rest: itemsOf(value), end: "]", isFirst: true });
  } else if (typeof value === "object" && value !== null) {
    yield "{";
    open.push({ rest: Object.entries(value).values(), end: "}", isFirst: true });
  } else yield typeof value === "number" ? writeJson(value) : `${value}`;
}

function* itemsOf(array: JsonArray): Generator<readonly [undefined, JsonValue], void, undefined> {
  for (const item of array) yield [undefined, item];
}

function* stringTexts(text: string): Texts {
  if (text.length <= CHARACTERS_A_PIECE) {
    yield `"${escapeJson(text)}"`;
    return;
  }
  yield '"';
  yield* escapedTexts(text);
  yield '"';
}

function* longStringTexts(string: LongString): Texts {
  yield '"';
  for (const piece of string.writtenPieces()) {
    if (typeof piece === "string") yield* escapedTexts(piece);
    else yield piece;
  }
  yield '"';
}

function* escapedTexts(text: string): Texts {
  for (let start = 0; start < text.length;) {
    let end = start + CHARACTERS_A_PIECE;
    // The two halves of a character are escaped together.
    if (isHighSurrogate(text.charCodeAt(end - 1))) end++;
    yield escapeJson(text.slice(start, end));
    start = end;
  }
}

function* base64Texts(bytes: Uint8Array): Texts {
  yield '"';
  for (let start = 0; start < bytes.length; start += BYTES_A_PIECE) {
    yield bytes.subarray(start, start + BYTES_A_PIECE).toBase64();
  }
  yield '"';
}

function isArray(value: LongValue): value is JsonArray {
  return Array.isArray(value);
}

function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}
