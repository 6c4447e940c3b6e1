/** A time limit: its signal is aborted when the time is over, or when `parent` is. */
export class Deadline implements Disposable {
  /** Aborted when there is no time left. */
  readonly signal: AbortSignal;
  /** How long it is, in milliseconds. */
  readonly milliseconds: number;

  readonly #timer: ReturnType<typeof setTimeout>;
  #expired = false;

  constructor(milliseconds: number, parent: AbortSignal) {
    const controller = new AbortController();
    this.milliseconds = milliseconds;
    this.signal = AbortSignal.any([controller.signal, parent]);
    this.#timer = setTimeout(() => {
      this.#expired = true;
      controller.abort(new DOMException(`no answer within ${milliseconds} ms`, "TimeoutError"));
    }, milliseconds);
  }

  /** Whether the time is over, which is not so when only `parent` was aborted. */
  get expired(): boolean {
    return this.#expired;
  }

  /** Stops the clock. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
