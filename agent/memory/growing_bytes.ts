/** Up to here bytes lie in memory of JavaScript's own, where making and dropping them is cheap. */
const SMALL = 64 * 1024;
const FIRST_CAPACITY = 4096;

/**
 * Bytes that are collected up to a limit. Many of them lie in a resizable buffer, which grows where it
 * is: never are there two copies. Disposing gives its memory back to the system at once, whereas that
 * of a dropped array stays until JavaScript's memory is cleaned up, which looks at JavaScript's own
 * values and not at the container's limit.
 */
export class GrowingBytes implements Disposable {
  /** How many it takes, at most. */
  readonly limit: number;
  #buffer = new ArrayBuffer(0);
  #length = 0;

  /** `limit` is in bytes. */
  constructor(limit: number) {
    this.limit = limit;
  }

  /** How many there are. */
  get length(): number {
    return this.#length;
  }

  /** All of them, valid until they are added to or disposed of. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.#buffer, 0, this.#length);
  }

  /** Adds a copy of as many of the bytes as the limit allows, and gives how many these are. */
  append(bytes: Uint8Array): number {
    const taken = Math.min(bytes.length, this.limit - this.#length);
    const room = this.room(taken);
    room.set(taken < bytes.length ? bytes.subarray(0, taken) : bytes);
    this.#length += taken;
    return taken;
  }

  /**
   * Memory behind the bytes that are there, for who fills it: what is `extend`ed over belongs to them.
   * It is valid until the next call of anything.
   *
   * @param count how many bytes; less are given at the limit
   */
  room(count: number): Uint8Array<ArrayBuffer> {
    const size = Math.min(count, this.limit - this.#length);
    this.#reserve(this.#length + size);
    return new Uint8Array(this.#buffer, this.#length, size);
  }

  /** Takes the first `count` bytes of what `room` gave. */
  extend(count: number): void {
    this.#length += count;
  }

  /** Forgets the bytes, and gives their memory back. It can be used again. */
  [Symbol.dispose](): void {
    this.#length = 0;
    if (this.#buffer.resizable) this.#buffer.resize(0);
    else this.#buffer = new ArrayBuffer(0);
  }

  #reserve(needed: number): void {
    const capacity = this.#buffer.byteLength;
    if (needed <= capacity) return;
    const size = Math.min(Math.max(needed, 2 * capacity, FIRST_CAPACITY), this.limit);
    if (this.#buffer.resizable) {
      this.#buffer.resize(size);
      return;
    }
    const buffer = size <= SMALL
      ? new ArrayBuffer(size)
      : new ArrayBuffer(size, { maxByteLength: this.limit });
    new Uint8Array(buffer).set(this.bytes);
    this.#buffer = buffer;
  }
}
