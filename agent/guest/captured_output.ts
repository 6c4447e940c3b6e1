import { GrowingBytes } from "../memory/growing_bytes.ts";

/** The beginning of what a program has written. */
export class CapturedOutput implements Disposable {
  readonly #kept: GrowingBytes;
  #truncated = false;

  /** `limit` is the most that is kept, in bytes. */
  constructor(limit: number) {
    this.#kept = new GrowingBytes(limit);
  }

  /** What is kept; it must not be added to. */
  get kept(): GrowingBytes {
    return this.#kept;
  }

  /** Whether there was more than is kept. */
  get truncated(): boolean {
    return this.#truncated;
  }

  /** How many of so many more bytes the limit leaves room for. */
  roomFor(count: number): number {
    return Math.min(count, this.#kept.limit - this.#kept.length);
  }

  /** Keeps a copy of the first `count` bytes, and takes note when these are not all. */
  append(bytes: Uint8Array, count: number): void {
    this.#kept.append(bytes.subarray(0, count));
    if (count < bytes.length) this.#truncated = true;
  }

  /** Keeps nothing any more, and gives its memory back. */
  drop(): void {
    if (this.#kept.length > 0) this.#truncated = true;
    this.#kept[Symbol.dispose]();
  }

  /** Gives its memory back. */
  [Symbol.dispose](): void {
    this.#kept[Symbol.dispose]();
  }
}
