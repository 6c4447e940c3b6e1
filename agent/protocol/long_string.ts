import type { GrowingBytes } from "../memory/growing_bytes.ts";

/** How many bytes of UTF-8 are made a piece of text at once. */
const PIECE_LENGTH = 16 * 1024;
const LATIN1 = new TextDecoder("latin1");
const DEL = 0x7f;

/**
 * A string of a request that is too long to be made a JavaScript string without need: that takes time in
 * which nothing else runs, and leaves garbage that takes more. Its UTF-8 lies outside of V8's memory until
 * it is disposed of.
 */
export class LongString implements Disposable {
  readonly #utf8: GrowingBytes;
  readonly #isPlain: boolean;
  #text: string | undefined;
  #wasDecoded = false;

  /**
   * @param utf8 well-formed; it belongs to the string from now on
   * @param isPlain whether it came as ASCII without escapes, so that nothing in it is one in JSON
   */
  constructor(utf8: GrowingBytes, isPlain: boolean) {
    this.#utf8 = utf8;
    this.#isPlain = isPlain;
  }

  /** Its length, in bytes of UTF-8 or in characters once it was decoded: the same where all are ASCII. */
  get length(): number {
    return this.#text?.length ?? this.#utf8.length;
  }

  /** Whether there has been a JavaScript string for the whole of it. */
  get wasDecoded(): boolean {
    return this.#wasDecoded;
  }

  /**
   * What stands from `start` to before `end`, in the unit of `length`. Of what is not ASCII it gives
   * characters that are not ASCII either.
   */
  slice(start: number, end: number): string {
    return this.#text?.slice(start, end) ?? LATIN1.decode(this.#utf8.bytes.subarray(start, end));
  }

  /** The whole text in pieces, none of which ends within a character. */
  *pieces(): Generator<string, void, undefined> {
    if (this.#text !== undefined) {
      yield this.#text;
      return;
    }
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    for (let start = 0; start < this.length; start += PIECE_LENGTH) {
      const bytes = this.#utf8.bytes.subarray(start, start + PIECE_LENGTH);
      yield decoder.decode(bytes, { stream: start + PIECE_LENGTH < this.length });
    }
  }

  /**
   * As `pieces`, but what the writer of JSON would change nothing of is given as it came: no text is made of
   * it, and no garbage. Such bytes are valid until the next piece is asked for.
   */
  *writtenPieces(): Generator<string | Uint8Array, void, undefined> {
    if (!this.#isPlain || this.#text !== undefined) {
      yield* this.pieces();
      return;
    }
    for (let start = 0; start < this.length; start += PIECE_LENGTH) {
      const bytes = this.#utf8.bytes.subarray(start, start + PIECE_LENGTH);
      yield bytes.includes(DEL) ? LATIN1.decode(bytes) : bytes;
    }
  }

  /** The first thousands of characters, for an error. */
  beginning(): string {
    const [first = ""] = this.pieces();
    return first;
  }

  /** The whole text, which takes the place of the bytes. */
  toString(): string {
    if (this.#text === undefined) {
      this.#text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(this.#utf8.bytes);
      this.#wasDecoded = true;
      this.#utf8[Symbol.dispose]();
    }
    return this.#text;
  }

  /** Gives its memory back; it is empty then. */
  [Symbol.dispose](): void {
    this.#text = undefined;
    this.#utf8[Symbol.dispose]();
  }
}
