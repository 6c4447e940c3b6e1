import { GrowingBytes } from "../memory/growing_bytes.ts";
import type { Steps } from "../steps.ts";
import type { LongString } from "./long_string.ts";
import { QapiError } from "./qapi_error.ts";

const NOT_BASE64 = /[^A-Za-z0-9+/=\n]/;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const NEWLINE = 0x0a;
const PADDING = 0x3d;
// By character code; a padding character counts as 0.
const SEXTETS = Uint8Array.from({ length: 128 }, (_, code) => {
  return Math.max(0, ALPHABET.indexOf(String.fromCharCode(code)));
});

/** How many characters are looked at at once, of a long string a copy in the part of V8's memory that is cleaned fast. */
const SLICE = 64 * 1024;
/** In one step are as many; but one only where each character is looked at, which takes some fifty times as long. */
const STEP = 16 * SLICE;

/**
 * Decodes base64 as QEMU's agent does: newlines are passed over, an incomplete last quantum is
 * dropped, encoded pieces may follow one another, and padding may stand anywhere.
 *
 * @returns the bytes, which are the caller's to dispose of
 * @throws QapiError when there is a character that base64 does not have, a carriage return or a space
 * among others; nothing else is an error
 */
export function* decodeBase64(text: string | LongString): Steps<GrowingBytes> {
  for (let start = 0; start < text.length; start += SLICE) {
    if (start > 0 && start % STEP === 0) yield;
    if (NOT_BASE64.test(text.slice(start, start + SLICE))) {
      throw new QapiError("Base64 data contains invalid characters");
    }
  }
  const decoded = new GrowingBytes(Math.ceil(text.length / 4) * 3);
  try {
    let start = 0;
    let end = 0;
    for (let slice = 0; end < text.length; slice++) {
      if (slice > 0 && slice % (STEP / SLICE) === 0) yield;
      end = start + SLICE;
      const read = decodeSlice(text.slice(start, end), decoded);
      if (read === 0 && end < text.length) {
        throw new SyntaxError("a quantum is longer than a slice");
      }
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
function* decodeQuanta(text: string | LongString, decoded: GrowingBytes): Steps<void> {
  let quantum = 0;
  let count = 0;
  let third = 0;
  for (let start = 0; start < text.length; start += SLICE) {
    if (start > 0) yield;
    const characters = text.slice(start, start + SLICE);
    const bytes = decoded.room(SLICE);
    let length = 0;
    for (let index = 0; index < characters.length; index++) {
      const code = characters.charCodeAt(index);
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
