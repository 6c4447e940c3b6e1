/** The text of a JSON string cannot be used; `message` is as QEMU words it. */
export class JsonStringError extends Error {
  override readonly name = "JsonStringError";
}

const BACKSLASH = 0x5c;
const SHORT = 64;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const latin1 = new TextDecoder("latin1");

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
 * Decodes a string token of QEMU's JSON dialect.
 *
 * @param token the token's bytes, quotes included
 * @throws JsonStringError for invalid UTF-8, an unknown escape, or a `\u` escape that is no character
 */
export function decodeJsonString(token: Uint8Array): string {
  const end = token.length - 1;
  // A decoder's call costs more than the characters of a command's name.
  const short = end <= SHORT;
  let plain = "";
  let index = 1;
  for (; index < end; index++) {
    const byte = token[index] ?? 0;
    if (byte >= 0x80 || byte === BACKSLASH) break;
    if (short) plain += String.fromCharCode(byte);
  }
  if (index === end && short) return plain;
  const body = token.subarray(1, end);
  if (index === end) return latin1.decode(body);
  const text = decodeUtf8(body);
  return text.includes("\\") ? unescape(text, String.fromCharCode(token[0] ?? 0)) : text;
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

function unescape(text: string, quote: string): string {
  const parts: string[] = [];
  let position = 0;
  for (;;) {
    const backslash = text.indexOf("\\", position);
    if (backslash < 0) break;
    parts.push(text.slice(position, backslash));
    const letter = text[backslash + 1] ?? "";
    if (letter === "u") {
      const escape = readUnicodeEscape(text, backslash, quote);
      parts.push(escape.character);
      position = backslash + escape.length;
      continue;
    }
    const character = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined;
    if (character === undefined) throw new JsonStringError("invalid escape sequence in string");
    parts.push(character);
    position = backslash + 2;
  }
  parts.push(text.slice(position));
  return parts.join("");
}

function readUnicodeEscape(
  text: string,
  at: number,
  quote: string,
): { character: string; length: number } {
  const unit = hexUnit(text, at);
  let length = 6;
  let codePoint = unit;
  if (isBetween(unit, 0xd800, 0xdbff)) {
    const low = hexUnit(text, at + 6);
    if (isBetween(low, 0xdc00, 0xdfff)) {
      length = 12;
      codePoint = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
    }
  }
  const character = isBetween(codePoint, 0, 0xd7ff) || isBetween(codePoint, 0xe000, 0x10ffff)
    ? String.fromCodePoint(codePoint)
    : undefined;
  if (character === undefined || /\p{Noncharacter_Code_Point}/u.test(character)) {
    const shown = (text + quote).slice(at, at + length);
    throw new JsonStringError(`${shown} is not a valid Unicode character`);
  }
  return { character, length };
}

/** The number in `\uXXXX` at `at`, or -1 when there is no such escape. */
function hexUnit(text: string, at: number): number {
  const match = /^\\u([0-9a-fA-F]{4})/.exec(text.slice(at, at + 6));
  return match?.[1] === undefined ? -1 : Number.parseInt(match[1], 16);
}

function isBetween(value: number, low: number, high: number): boolean {
  return value >= low && value <= high;
}
