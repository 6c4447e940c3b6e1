/** The text of a JSON string cannot be used; `message` is as QEMU words it. */
export class JsonStringError extends Error {
  override readonly name = "JsonStringError";
}

const QUOTE = 0x22;
const APOSTROPHE = 0x27;
const SLASH = 0x2f;
const BACKSLASH = 0x5c;
const LETTER_U = 0x75;
/** The length of `\uXXXX`. */
const UNICODE_ESCAPE = 6;
/** A surrogate pair of escapes. */
const LONGEST_CHARACTER = 2 * UNICODE_ESCAPE;
const FIRST_SUPPLEMENTARY = 0x10000;
/** The value of a hexadecimal digit by its byte, -1 for another one. */
const HEX_DIGITS = Int8Array.from({ length: 256 }, (_, byte) => {
  const digit = Number.parseInt(String.fromCharCode(byte), 16);
  return Number.isNaN(digit) ? -1 : digit;
});
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** What an escape of one character stands for, by its byte. */
const ESCAPES: ReadonlyMap<number, number> = new Map([
  [QUOTE, QUOTE],
  [APOSTROPHE, APOSTROPHE],
  [BACKSLASH, BACKSLASH],
  [SLASH, SLASH],
  [0x62, 0x08],
  [0x66, 0x0c],
  [0x6e, 0x0a],
  [0x72, 0x0d],
  [0x74, 0x09],
]);

/**
 * Decodes a string token of QEMU's JSON dialect. Of several mistakes the first one is reported.
 *
 * The text is written over the token, which it never is longer than: a string can be megabytes.
 *
 * @param token the token's bytes, quotes included; they are overwritten
 * @throws JsonStringError for invalid UTF-8, an unknown escape, or a `\u` escape that is not a character
 */
export function decodeJsonString(token: Uint8Array): string {
  const { written } = resolveEscapes(token, 1, token.length - 1, true);
  return utf8.decode(token.subarray(1, written));
}

/**
 * Makes UTF-8 of the bytes of a string token from `start` to `end`, in their place.
 *
 * @param isLast whether the string ends there; when not, a character or escape that might go on after
 *   `end` is left
 * @returns where the UTF-8 ends, and up to where the bytes were taken
 * @throws JsonStringError as `decodeJsonString`
 */
export function resolveEscapes(
  bytes: Uint8Array,
  start: number,
  end: number,
  isLast: boolean,
): { readonly written: number; readonly taken: number } {
  const stop = isLast ? end : end - LONGEST_CHARACTER + 1;
  let written = start;
  let position = start;
  while (position < stop) {
    const byte = bytes[position] ?? 0;
    if (byte === BACKSLASH) {
      const { codePoint, length } = readEscape(bytes, position);
      position += length;
      written = writeUtf8(bytes, written, codePoint);
    } else if (byte < 0x80) {
      bytes[written++] = byte;
      position++;
    } else {
      const { codePoint, length } = readUtf8(bytes, position);
      position += length;
      written = writeUtf8(bytes, written, codePoint);
    }
  }
  return { written, taken: position };
}

/**
 * Decodes a string token without escapes, all of ASCII.
 *
 * @param token the token's bytes, quotes included
 */
export function decodePlainJsonString(token: Uint8Array): string {
  // As UTF-8, of which Deno makes a string without a copy in between.
  return utf8.decode(token.subarray(1, token.length - 1));
}

/** A character, and how many bytes it takes where it was read. */
interface Character {
  readonly codePoint: number;
  readonly length: number;
}

/** The character of several bytes at `at`: UTF-8, but that U+0000 is C0 80, as in Java. */
function readUtf8(token: Uint8Array, at: number): Character {
  const first = token[at] ?? 0;
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  let codePoint = first & (0xff >> (length + 1));
  let isValid = first >= 0xc0 && first < 0xf8;
  for (let index = 1; index < length; index++) {
    const byte = token[at + index] ?? 0;
    if ((byte & 0xc0) !== 0x80) isValid = false;
    codePoint = (codePoint << 6) | (byte & 0x3f);
  }
  const isShortest = codePoint >= FIRST_SUPPLEMENTARY
    ? length === 4
    : codePoint >= 0x800
    ? length === 3
    : length === 2 && (codePoint >= 0x80 || codePoint === 0);
  if (!isValid || !isShortest || !isCharacter(codePoint)) {
    throw new JsonStringError("invalid UTF-8 sequence in string");
  }
  return { codePoint, length };
}

function writeUtf8(bytes: Uint8Array, at: number, codePoint: number): number {
  let position = at;
  if (codePoint < 0x80) {
    bytes[position++] = codePoint;
    return position;
  }
  if (codePoint < 0x800) {
    bytes[position++] = 0xc0 | (codePoint >> 6);
  } else {
    if (codePoint < FIRST_SUPPLEMENTARY) {
      bytes[position++] = 0xe0 | (codePoint >> 12);
    } else {
      bytes[position++] = 0xf0 | (codePoint >> 18);
      bytes[position++] = 0x80 | ((codePoint >> 12) & 0x3f);
    }
    bytes[position++] = 0x80 | ((codePoint >> 6) & 0x3f);
  }
  bytes[position++] = 0x80 | (codePoint & 0x3f);
  return position;
}

/** The escape whose backslash is at `at`. */
function readEscape(token: Uint8Array, at: number): Character {
  const letter = token[at + 1] ?? 0;
  if (letter === LETTER_U) return readUnicodeEscape(token, at);
  const codePoint = ESCAPES.get(letter);
  if (codePoint === undefined) throw new JsonStringError("invalid escape sequence in string");
  return { codePoint, length: 2 };
}

function readUnicodeEscape(token: Uint8Array, at: number): Character {
  const unit = hexUnit(token, at);
  let length = UNICODE_ESCAPE;
  let codePoint = unit;
  if (isBetween(unit, 0xd800, 0xdbff)) {
    const low = hexUnit(token, at + UNICODE_ESCAPE);
    if (isBetween(low, 0xdc00, 0xdfff)) {
      length = 2 * UNICODE_ESCAPE;
      codePoint = FIRST_SUPPLEMENTARY + ((unit - 0xd800) << 10) + (low - 0xdc00);
    }
  }
  if (!isCharacter(codePoint)) {
    // As QEMU shows it: as many bytes as the escape should have, whatever they are.
    const shown = utf8.decode(token.subarray(at, at + length));
    throw new JsonStringError(`${shown} is not a valid Unicode character`);
  }
  return { codePoint, length };
}

/** The number in `\uXXXX` at `at`, or -1 when there is no such escape. */
function hexUnit(token: Uint8Array, at: number): number {
  if (token[at] !== BACKSLASH || token[at + 1] !== LETTER_U) return -1;
  let unit = 0;
  for (let index = 2; index < UNICODE_ESCAPE; index++) {
    const digit = HEX_DIGITS[token[at + index] ?? 0] ?? -1;
    if (digit < 0) return -1;
    unit = 16 * unit + digit;
  }
  return unit;
}

/** Whether it is a code point of Unicode that may stand in text. */
function isCharacter(codePoint: number): boolean {
  const isNoncharacter = isBetween(codePoint, 0xfdd0, 0xfdef) || (codePoint & 0xfffe) === 0xfffe;
  return !isNoncharacter &&
    (isBetween(codePoint, 0, 0xd7ff) || isBetween(codePoint, 0xe000, 0x10ffff));
}

function isBetween(value: number, low: number, high: number): boolean {
  return value >= low && value <= high;
}
