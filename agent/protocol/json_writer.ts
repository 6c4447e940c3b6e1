import { isJsonObject, type JsonArray, type JsonObject, type JsonValue } from "./json_value.ts";
import { LongString } from "./long_string.ts";

/**
 * Writes a JSON value as QEMU does: ASCII only, `", "` and `": "` between parts, integers exact,
 * doubles with up to 17 significant digits.
 *
 * @throws RangeError for a number that JSON cannot express (NaN, an infinity)
 */
export function writeJson(value: JsonValue): string {
  const writer = new JsonWriter();
  writer.write(value);
  return decoder.decode(writer.written());
}

const FIRST_SIZE = 1024;
/**
 * From this length on a text is looked at and written by the engine, not character by character. A call of the
 * engine costs more than the characters of a key: guest-get-cpustats takes 38 µs instead of 54 (two processors,
 * a blocking client), guest-get-osinfo 37 instead of 45.
 */
const LONG_TEXT = 128;
const SPACE = 0x20;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const DEL = 0x7f;

// ASCII without what JSON escapes, and without DEL.
const PLAIN = /^[ !#-[\]-~]*$/;
// DEL and everything beyond ASCII.
const NOT_ASCII = /[\u007f-\uffff]/g;

const encoder = new TextEncoder();
const decoder = new TextDecoder("latin1");

/**
 * Writes JSON values as bytes, one behind the other, without a string for the whole: a reply can have
 * thousands of parts. See `writeJson` for the form.
 */
export class JsonWriter implements Disposable {
  #bytes = new Uint8Array(FIRST_SIZE);
  #length = 0;

  /** How many bytes were written since the beginning or `clear`. */
  get length(): number {
    return this.#length;
  }

  /** What was written. It is valid until something else is written. */
  written(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Begins again, in the same memory. */
  clear(): void {
    this.#length = 0;
  }

  /**
   * Gives the memory back at once, and not by a garbage collection some time; nothing may be written
   * afterwards, and what was written is gone.
   */
  [Symbol.dispose](): void {
    this.#bytes.buffer.transfer(0);
  }

  /** Writes a text as it is, whose characters are below U+0100. */
  raw(text: string): void {
    const { length } = text;
    this.#reserve(length);
    const bytes = this.#bytes;
    const start = this.#length;
    for (let index = 0; index < length; index++) bytes[start + index] = text.charCodeAt(index);
    this.#length = start + length;
  }

  /** @throws RangeError for a number that JSON cannot express (NaN, an infinity) */
  write(value: JsonValue): void {
    if (typeof value === "string") this.#string(value);
    else if (typeof value === "number") this.raw(formatNumber(value));
    else if (value === null || typeof value === "boolean" || typeof value === "bigint") {
      this.raw(`${value}`);
    } else if (isJsonObject(value)) {
      this.#object(value);
    } else if (value instanceof LongString) {
      this.#string(value.toString());
    } else {
      this.#array(value);
    }
  }

  #array(items: JsonArray): void {
    this.raw("[");
    let separator = "";
    for (const item of items) {
      this.raw(separator);
      this.write(item);
      separator = ", ";
    }
    this.raw("]");
  }

  #object(members: JsonObject): void {
    this.raw("{");
    let separator = "";
    // Without a list of its entries: an object inherits nothing that can be enumerated.
    for (const key in members) {
      const member = members[key];
      if (member === undefined) continue;
      this.raw(separator);
      this.#string(key);
      this.raw(": ");
      this.write(member);
      separator = ", ";
    }
    this.raw("}");
  }

  #string(text: string): void {
    if (text.length >= LONG_TEXT) this.#longString(text);
    else if (!this.#plainString(text)) this.#text(`"${escapeJson(text)}"`);
  }

  /** False, with nothing written, for a text that is not all of plain characters. */
  #plainString(text: string): boolean {
    const { length } = text;
    this.#reserve(length + 2);
    const bytes = this.#bytes;
    let position = this.#length;
    bytes[position++] = QUOTE;
    for (let index = 0; index < length; index++) {
      const code = text.charCodeAt(index);
      if (code < SPACE || code >= DEL || code === QUOTE || code === BACKSLASH) return false;
      bytes[position++] = code;
    }
    bytes[position++] = QUOTE;
    this.#length = position;
    return true;
  }

  #longString(text: string): void {
    const inner = escapeJson(text);
    this.#reserve(inner.length + 2);
    this.#bytes[this.#length++] = QUOTE;
    this.#text(inner);
    this.#bytes[this.#length++] = QUOTE;
  }

  /** An ASCII text as it is, by the engine. */
  #text(text: string): void {
    this.#reserve(text.length + 1);
    encoder.encodeInto(text, this.#bytes.subarray(this.#length));
    this.#length += text.length;
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed <= this.#bytes.length) return;
    const size = Math.max(needed, 2 * this.#bytes.length);
    // The old memory is given back at once, not by the next garbage collection.
    this.#bytes = new Uint8Array(this.#bytes.buffer.transfer(size));
  }
}

/** A text as it stands between the quotes of a JSON string, in ASCII. */
export function escapeJson(text: string): string {
  if (PLAIN.test(text)) return text;
  return JSON.stringify(text).slice(1, -1).replace(
    NOT_ASCII,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`,
  );
}

function formatNumber(value: number): string {
  if (!Number.isFinite(value)) throw new RangeError(`${value} cannot be written as JSON`);
  if (Object.is(value, -0)) return "-0";
  if (Number.isSafeInteger(value)) return `${value}`;
  return formatSignificant(value, 17);
}

/** A double as C's `%.{digits}g` prints it. */
function formatSignificant(value: number, digits: number): string {
  const [mantissa = "", exponentText = "0"] = value.toExponential(digits - 1).split("e");
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= digits) {
    const sign = exponent < 0 ? "-" : "+";
    return `${trimZeros(mantissa)}e${sign}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  return trimZeros(value.toFixed(digits - 1 - exponent));
}

function trimZeros(text: string): string {
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}
