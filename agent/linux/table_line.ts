import { decodeText } from "./decode_text.ts";
import { formatIpv6 } from "./ip_address.ts";
import { readDecimal, readHex } from "./number_text.ts";

const TAB = 0x09;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const MOST_FIELDS = 16;
const IPV4_DIGITS = 8;
const IPV6_DIGITS = 32;

const decoder = new TextDecoder();

/**
 * A line of one of the kernel's tables, such as `/proc/net/route`, whose fields have blanks between them;
 * one line after the other. Fields are places in the bytes until they are asked for.
 */
export class TableLine {
  /** How many fields the line has; those beyond the sixteenth are not counted. */
  count = 0;
  readonly #starts = new Int32Array(MOST_FIELDS);
  readonly #ends = new Int32Array(MOST_FIELDS);
  readonly #address = new Uint8Array(IPV6_DIGITS / 2);
  #bytes: Uint8Array = new Uint8Array(0);

  /** Takes the line from `start` to `end` apart. */
  read(bytes: Uint8Array, start: number, end: number): void {
    this.#bytes = bytes;
    this.count = 0;
    for (let index = start; this.count < MOST_FIELDS; this.count++) {
      while (index < end && isBlank(bytes[index])) index++;
      if (index >= end) return;
      this.#starts[this.count] = index;
      while (index < end && !isBlank(bytes[index])) index++;
      this.#ends[this.count] = index;
    }
  }

  /** A field as it is. */
  text(field: number): string {
    return decodeText(decoder, this.#bytes, this.#start(field), this.#end(field));
  }

  /** A decimal integer; NaN when the field is none. */
  decimal(field: number): number {
    return readDecimal(this.#bytes, this.#start(field), this.#end(field));
  }

  /** A hexadecimal integer; NaN when the field is none. */
  hex(field: number): number {
    return readHex(this.#bytes, this.#start(field), this.#end(field));
  }

  /**
   * An IPv4 address, which the kernel prints as a number of its own byte order, little-endian; undefined
   * when the field is none.
   */
  ipv4(field: number): string | undefined {
    const value = this.hex(field);
    if (this.#end(field) - this.#start(field) !== IPV4_DIGITS || Number.isNaN(value)) {
      return undefined;
    }
    return `${value & 0xff}.${(value >>> 8) & 0xff}.${(value >>> 16) & 0xff}.${value >>> 24}`;
  }

  /** An IPv6 address, which the kernel prints byte by byte; undefined when the field is none. */
  ipv6(field: number): string | undefined {
    const start = this.#start(field);
    if (this.#end(field) - start !== IPV6_DIGITS) return undefined;
    for (let index = 0; index < this.#address.length; index++) {
      const from = start + 2 * index;
      const byte = readHex(this.#bytes, from, from + 2);
      if (Number.isNaN(byte)) return undefined;
      this.#address[index] = byte;
    }
    return formatIpv6(this.#address);
  }

  #start(field: number): number {
    return this.#starts[field] ?? 0;
  }

  #end(field: number): number {
    return this.#ends[field] ?? 0;
  }
}

function isBlank(byte: number | undefined): boolean {
  return byte === SPACE || byte === TAB || byte === CARRIAGE_RETURN;
}
