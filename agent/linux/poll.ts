import type { Libc } from "./libc.ts";

/** Events of poll(2) that are asked for; `HUP` is reported in any case. */
export const PollEvent = {
  IN: 0x001,
  PRI: 0x002,
  HUP: 0x010,
} as const;

/** Asks the kernel what has happened to one file descriptor, with poll(2), on the calling thread. */
export class Poll {
  readonly #libc: Libc;
  // struct pollfd.
  readonly #pollfd = new Uint8Array(8);
  readonly #request = new DataView(this.#pollfd.buffer);

  /** The descriptor stays its owner's. */
  constructor(libc: Libc, fd: number) {
    this.#libc = libc;
    this.#request.setInt32(0, fd, true);
  }

  /**
   * Gives what has happened, as bits of `PollEvent` and of the kernel's errors; 0 for nothing.
   *
   * @param wanted bits of `PollEvent`
   * @param milliseconds how long the thread may be blocked until something happens
   */
  events(wanted: number, milliseconds: number): number {
    this.#request.setInt16(4, wanted, true);
    this.#request.setInt16(6, 0, true);
    // It fails for a signal alone, and then nothing has happened.
    this.#libc.frequent.poll(this.#pollfd, 1n, milliseconds);
    return this.#request.getInt16(6, true);
  }
}
