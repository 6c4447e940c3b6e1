/** The text of a JSON string cannot be used; `message` is as QEMU words it. */
export class JsonStringError extends Error {
  override readonly name = "JsonStringError";
}

const SHORT = 64;
/** The length of `\uXXXX`. */
const UNICODE_ESCAPE = 6;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const latin1 = new TextDecoder("latin1");
const diagnostic = new TextDecoder("utf-8", { ignoreBOM: true });

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "'": "'",
  "\\": "\\",
  "/": "/",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
};

/**
 * Decodes a string token of QEMU's JSON dialect. Of several mistakes the first one is told.
 *
 * @param token the token's bytes, quotes included
 * @throws JsonStringError for invalid UTF-8, an unknown escape, or a `\u` escape that is no character
 */
export function decodeJsonString(token: Uint8Array): string {
  // A character for each byte; only ASCII ones are looked at.
  const raw = latin1.decode(token);
  const isAscii = hasOnlyAscii(token);
  const end = token.length - 1;
  const parts: string[] = [];
  for (let position = 1;;) {
    const backslash = raw.indexOf("\\", position);
    const stop = backslash < 0 ? end : backslash;
    parts.push(
      isAscii ? raw.slice(position, stop) : decodeUtf8(token.subarray(position, stop)),
    );
    if (backslash < 0) return parts.join("");
    const escape = readEscape(token, raw, backslash);
    parts.push(escape.character);
    position = backslash + escape.length;
  }
}

/**
 * Decodes a string token without escapes, all of ASCII.
 *
 * @param token the token's bytes, quotes included
 */
export function decodePlainJsonString(token: Uint8Array): string {
  const end = token.length - 1;
  if (end > SHORT) return latin1.decode(token.subarray(1, end));
  // A decoder's call costs more than the characters of a command's name.
  return Reflect.apply(String.fromCharCode, undefined, token.subarray(1, end));
}

/** By a loop: `every` would call a function for each byte of a payload. */
function hasOnlyAscii(bytes: Uint8Array): boolean {
  for (let index = 0; index < bytes.length; index++) {
    if ((bytes[index] ?? 0) >= 0x80) return false;
  }
  return true;
}

function decodeUtf8(bytes: Uint8Array): string {
  let text: string;
  try {
    text = utf8.decode(withPlainNul(bytes));
  } catch {
    throw new JsonStringError("invalid UTF-8 sequence in string");
  }
  if (/\p{Noncharacter_Code_Point}/u.test(text)) {
    throw new JsonStringError("invalid UTF-8 sequence in string");
  }
  return text;
}

/** QEMU's modified UTF-8 writes U+0000 as C0 80. */
function withPlainNul(bytes: Uint8Array): Uint8Array {
  if (!bytes.includes(0xc0)) return bytes;
  const result: number[] = [];
  for (let index = 0; index < bytes.length; index++) {
    if (bytes[index] === 0xc0 && bytes[index + 1] === 0x80) {
      result.push(0);
      index++;
    } else result.push(bytes[index] ?? 0);
  }
  return Uint8Array.from(result);
}

/** The escape whose backslash is at `at`; its length is in bytes. */
function readEscape(
  token: Uint8Array,
  raw: string,
  at: number,
): { character: string; length: number } {
  const letter = raw.charAt(at + 1);
  if (letter === "u") return readUnicodeEscape(token, raw, at);
  const character = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined;
  if (character === undefined) throw new JsonStringError("invalid escape sequence in string");
  return { character, length: 2 };
}

function readUnicodeEscape(
  token: Uint8Array,
  raw: string,
  at: number,
): { character: string; length: number } {
  const unit = hexUnit(raw, at);
  let length = UNICODE_ESCAPE;
  let codePoint = unit;
  if (isBetween(unit, 0xd800, 0xdbff)) {
    const low = hexUnit(raw, at + UNICODE_ESCAPE);
    if (isBetween(low, 0xdc00, 0xdfff)) {
      length = 2 * UNICODE_ESCAPE;
      codePoint = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
    }
  }
  const character = isBetween(codePoint, 0, 0xd7ff) || isBetween(codePoint, 0xe000, 0x10ffff)
    ? String.fromCodePoint(codePoint)
    : undefined;
  if (character === undefined || /\p{Noncharacter_Code_Point}/u.test(character)) {
    // As QEMU shows it: as many bytes as the escape should have, whatever they are.
    const shown = diagnostic.decode(token.subarray(at, at + length));
    throw new JsonStringError(`${shown} is not a valid Unicode character`);
  }
  return { character, length };
}

/** The number in `\uXXXX` at `at`, or -1 when there is no such escape. */
function hexUnit(raw: string, at: number): number {
  const match = /^\\u([0-9a-fA-F]{4})/.exec(raw.slice(at, at + UNICODE_ESCAPE));
  return match?.[1] === undefined ? -1 : Number.parseInt(match[1], 16);
}

function isBetween(value: number, low: number, high: number): boolean {
  return value >= low && value <= high;
}
