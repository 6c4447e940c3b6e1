const FIRST_CAPACITY = 4096;

/** The beginning of what a program has written. */
export class CapturedOutput {
  readonly #limit: number;
  #buffer = new Uint8Array(0);
  #length = 0;
  #truncated = false;

  /** `limit` is the most that is kept, in bytes. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** What is kept; valid until the next `append`. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Whether there was more than is kept. */
  get truncated(): boolean {
    return this.#truncated;
  }

  /** Keeps a copy of the bytes as far as the limit allows. */
  append(bytes: Uint8Array): void {
    const kept = bytes.subarray(0, this.#limit - this.#length);
    if (kept.length < bytes.length) this.#truncated = true;
    this.#reserve(this.#length + kept.length);
    this.#buffer.set(kept, this.#length);
    this.#length += kept.length;
  }

  #reserve(needed: number): void {
    if (needed <= this.#buffer.length) return;
    const capacity = Math.max(needed, this.#buffer.length * 2, FIRST_CAPACITY);
    const buffer = new Uint8Array(Math.min(capacity, this.#limit));
    buffer.set(this.bytes);
    this.#buffer = buffer;
  }
}
