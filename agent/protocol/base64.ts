import { GrowingBytes } from "../memory/growing_bytes.ts";
import type { Steps } from "../steps.ts";
import { QapiError } from "./qapi_error.ts";

const NOT_BASE64 = /[^A-Za-z0-9+/=\n]/;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const NEWLINE = 0x0a;
const PADDING = 0x3d;
// By character code; a padding character counts as 0.
const SEXTETS = Uint8Array.from({ length: 128 }, (_, code) => {
  return Math.max(0, ALPHABET.indexOf(String.fromCharCode(code)));
});

/** How many characters are looked at in one step. */
const STEP = 1024 * 1024;
/** The same where each character is, which takes some fifty times as long. */
const SLOW_STEP = 64 * 1024;

/**
 * Decodes base64 as QEMU's agent does: newlines are passed over, an incomplete last quantum is
 * dropped, encoded pieces may follow one another, and padding may stand anywhere.
 *
 * @returns the bytes, which are the caller's to dispose of
 * @throws QapiError when there is a character that base64 does not have, a carriage return or a space
 * among others; nothing else is an error
 */
export function* decodeBase64(text: string): Steps<GrowingBytes> {
  for (let start = 0; start < text.length; start += STEP) {
    if (start > 0) yield;
    if (NOT_BASE64.test(text.slice(start, start + STEP))) {
      throw new QapiError("Base64 data contains invalid characters");
    }
  }
  const decoded = new GrowingBytes(Math.ceil(text.length / 4) * 3);
  try {
    let end = 0;
    for (let start = 0; end < text.length;) {
      if (start > 0) yield;
      end = start + STEP;
      const read = decodeSlice(text.slice(start, end), decoded);
      if (read === 0 && end < text.length) throw new SyntaxError("a quantum is longer than a step");
      start += read;
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    decoded[Symbol.dispose]();
    yield* decodeQuanta(text, decoded);
  }
  return decoded;
}

/** Decodes the whole quanta of well-formed text, and gives how many characters these are. */
function decodeSlice(text: string, decoded: GrowingBytes): number {
  const room = decoded.room(Math.ceil(text.length / 4) * 3);
  const { read, written } = room.setFromBase64(text, { lastChunkHandling: "stop-before-partial" });
  decoded.extend(written);
  return read;
}

/**
 * Padding in the middle: each four characters make three bytes, less one for each `=` of the last two.
 */
function* decodeQuanta(text: string, decoded: GrowingBytes): Steps<void> {
  let quantum = 0;
  let count = 0;
  let third = 0;
  for (let start = 0; start < text.length; start += SLOW_STEP) {
    if (start > 0) yield;
    const end = Math.min(start + SLOW_STEP, text.length);
    const bytes = decoded.room(SLOW_STEP);
    let length = 0;
    for (let index = start; index < end; index++) {
      const code = text.charCodeAt(index);
      if (code === NEWLINE) continue;
      quantum = (quantum << 6) | (SEXTETS[code] ?? 0);
      count++;
      if (count === 3) third = code;
      if (count < 4) continue;
      bytes[length++] = quantum >> 16;
      if (third !== PADDING) bytes[length++] = quantum >> 8;
      if (code !== PADDING) bytes[length++] = quantum;
      quantum = 0;
      count = 0;
    }
    decoded.extend(length);
  }
}
