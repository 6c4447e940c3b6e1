import { GrowingBytes } from "../memory/growing_bytes.ts";
import { JsonStringError, resolveEscapes } from "./json_string.ts";
import { LongString } from "./long_string.ts";

/** The opening quote, and the closing one. */
const QUOTE_LENGTH = 1;

/**
 * A string token that comes in parts, whose escapes are resolved as they come: to do so for many megabytes
 * at once would keep the event loop from everything else. Parts may be cut anywhere, within a character or
 * an escape too.
 */
export class LongJsonString implements Disposable {
  readonly #utf8: GrowingBytes;
  #isFirst = true;
  // Where escapes are resolved, at first the end of the last part: half a character or escape.
  #scratch = new Uint8Array(0);
  #restLength = 0;
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
   * The whole string, which is the caller's to dispose of.
   *
   * @param text the last bytes, with the quote that closes the string
   * @param isPlain as that of `add`
   * @throws JsonStringError as `decodeJsonString`
   */
  finish(text: Uint8Array, isPlain: boolean): LongString {
    this.#add(text, text.length - QUOTE_LENGTH, isPlain, true);
    if (this.#error === undefined) return new LongString(this.#utf8, isPlain);
    this[Symbol.dispose]();
    throw this.#error;
  }

  /** Gives the memory back, of a string that does not come to its end. */
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
    const length = this.#restLength + text.length - start;
    // Without what an earlier part has left behind it, which would be read as the rest of a character.
    const bytes = this.#reserveScratch(length).subarray(0, length);
    bytes.set(text.subarray(start), this.#restLength);
    try {
      const { written, taken } = resolveEscapes(bytes, 0, this.#restLength + end - start, isLast);
      this.#utf8.append(bytes.subarray(0, written));
      bytes.copyWithin(0, taken, length);
      this.#restLength = length - taken;
    } catch (error) {
      if (!(error instanceof JsonStringError)) throw error;
      this.#error = error;
    }
  }

  /** One for all parts: those of megabytes are more than V8 cleans up by itself in a container's limit. */
  #reserveScratch(length: number): Uint8Array<ArrayBuffer> {
    if (this.#scratch.length >= length) return this.#scratch;
    const larger = new Uint8Array(length);
    larger.set(this.#scratch.subarray(0, this.#restLength));
    this.#scratch = larger;
    return larger;
  }
}
