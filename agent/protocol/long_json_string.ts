import { GrowingBytes } from "../memory/growing_bytes.ts";
import { JsonStringError, resolveEscapes } from "./json_string.ts";

/** The opening quote, and the closing one. */
const QUOTE_LENGTH = 1;
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * A string token that comes in parts, whose escapes are resolved as they come: to do so for many megabytes
 * at once would keep the event loop from everything else. Parts may be cut anywhere, within a character or
 * an escape too.
 */
export class LongJsonString implements Disposable {
  readonly #utf8: GrowingBytes;
  #isFirst = true;
  // The end of the parts so far, which may be half a character or escape.
  #rest = new Uint8Array(0);
  #error: JsonStringError | undefined;

  /** @param mostBytes how many bytes all parts together have, at most */
  constructor(mostBytes: number) {
    this.#utf8 = new GrowingBytes(mostBytes);
  }

  /**
   * Takes the next bytes.
   *
   * @param text the first time with the quote that opens the string
   * @param isPlain whether all bytes so far are ASCII without escapes
   */
  add(text: Uint8Array, isPlain: boolean): void {
    this.#add(text, text.length, isPlain, false);
  }

  /**
   * The whole string.
   *
   * @param text the last bytes, with the quote that closes the string
   * @param isPlain as that of `add`
   * @throws JsonStringError as `decodeJsonString`
   */
  finish(text: Uint8Array, isPlain: boolean): string {
    this.#add(text, text.length - QUOTE_LENGTH, isPlain, true);
    if (this.#error !== undefined) throw this.#error;
    return utf8.decode(this.#utf8.bytes);
  }

  /** Gives the memory back. */
  [Symbol.dispose](): void {
    this.#utf8[Symbol.dispose]();
  }

  #add(text: Uint8Array, end: number, isPlain: boolean, isLast: boolean): void {
    const start = this.#isFirst ? QUOTE_LENGTH : 0;
    this.#isFirst = false;
    if (this.#error !== undefined) return;
    if (isPlain) {
      this.#utf8.append(text.subarray(start, end));
      return;
    }
    const rest = this.#rest;
    const bytes = new Uint8Array(rest.length + text.length - start);
    bytes.set(rest);
    bytes.set(text.subarray(start), rest.length);
    try {
      const { written, taken } = resolveEscapes(bytes, 0, rest.length + end - start, isLast);
      this.#utf8.append(bytes.subarray(0, written));
      this.#rest = bytes.slice(taken);
    } catch (error) {
      if (!(error instanceof JsonStringError)) throw error;
      this.#error = error;
    }
  }
}
