import { decodeJsonStringPart, decodePlainText, JsonStringError } from "./json_string.ts";

/** The opening quote, and the closing one. */
const QUOTE_LENGTH = 1;

/**
 * A string token that comes in parts, each decoded as it comes: to decode many megabytes at once would
 * keep the event loop from everything else. Parts may be cut anywhere, within a character or an escape too.
 */
export class LongJsonString {
  readonly #parts: string[] = [];
  #isFirst = true;
  // The end of the parts so far, which may be half a character or escape.
  #rest = new Uint8Array(0);
  #error: JsonStringError | undefined;

  /**
   * Takes the next bytes, which are overwritten.
   *
   * @param text the first time with the quote that opens the string
   * @param isPlain whether all bytes so far are ASCII without escapes
   */
  add(text: Uint8Array, isPlain: boolean): void {
    this.#decode(text, text.length, isPlain, false);
  }

  /**
   * The whole string.
   *
   * @param text the last bytes, with the quote that closes the string; they are overwritten
   * @param isPlain as that of `add`
   * @throws JsonStringError as `decodeJsonString`
   */
  finish(text: Uint8Array, isPlain: boolean): string {
    this.#decode(text, text.length - QUOTE_LENGTH, isPlain, true);
    if (this.#error !== undefined) throw this.#error;
    return this.#parts.join("");
  }

  #decode(text: Uint8Array, end: number, isPlain: boolean, isLast: boolean): void {
    const start = this.#isFirst ? QUOTE_LENGTH : 0;
    this.#isFirst = false;
    if (this.#error !== undefined) return;
    if (isPlain) {
      this.#parts.push(decodePlainText(text, start, end));
      return;
    }
    const rest = this.#rest;
    const bytes = new Uint8Array(rest.length + text.length - start);
    bytes.set(rest);
    bytes.set(text.subarray(start), rest.length);
    try {
      const part = decodeJsonStringPart(bytes, 0, rest.length + end - start, isLast);
      this.#parts.push(part.text);
      this.#rest = bytes.slice(part.end);
    } catch (error) {
      if (!(error instanceof JsonStringError)) throw error;
      this.#error = error;
    }
  }
}
