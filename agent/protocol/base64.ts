import { GrowingBytes } from "../memory/growing_bytes.ts";
import { QapiError } from "./qapi_error.ts";

const NOT_BASE64 = /[^A-Za-z0-9+/=\n]/;
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const NEWLINE = 0x0a;
const PADDING = 0x3d;
// By character code; a padding character counts as 0.
const SEXTETS = Uint8Array.from({ length: 128 }, (_, code) => {
  return Math.max(0, ALPHABET.indexOf(String.fromCharCode(code)));
});

/**
 * Decodes base64 as QEMU's agent does: newlines are passed over, an incomplete last quantum is
 * dropped, encoded pieces may follow one another, and padding may stand anywhere.
 *
 * @returns the bytes, which are the caller's to dispose of
 * @throws QapiError when there is a character that base64 does not have, a carriage return or a space
 * among others; nothing else is an error
 */
export function decodeBase64(text: string): GrowingBytes {
  if (NOT_BASE64.test(text)) throw new QapiError("Base64 data contains invalid characters");
  const size = Math.ceil(text.length / 4) * 3;
  const decoded = new GrowingBytes(size);
  const room = decoded.room(size);
  try {
    const { written } = room.setFromBase64(text, { lastChunkHandling: "stop-before-partial" });
    decoded.extend(written);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    decoded.extend(decodeQuanta(text, room));
  }
  return decoded;
}

/**
 * Padding in the middle: each four characters make three bytes, less one for each `=` of the last two.
 * Gives the number of bytes.
 */
function decodeQuanta(text: string, bytes: Uint8Array): number {
  let length = 0;
  let quantum = 0;
  let count = 0;
  let third = 0;
  for (let index = 0; index < text.length; index++) {
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
  return length;
}
