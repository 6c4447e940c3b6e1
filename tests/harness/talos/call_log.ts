import type { TalosCall } from "./fake_talos_api_messages.ts";

/**
 * The calls that a Talos API for tests has got, to be looked at or waited for; without those of
 * Version, with which our client begins each connection, and of Events, by which it follows a drain.
 */
export class TalosCallLog implements AsyncIterable<TalosCall> {
  readonly #calls: TalosCall[] = [];
  #changed = Promise.withResolvers<void>();
  #ended = false;

  /** All calls until now, oldest first. */
  get all(): readonly TalosCall[] {
    return this.#calls;
  }

  /** The methods of all calls until now, oldest first. */
  get methods(): readonly string[] {
    return this.#calls.map((call) => call.method);
  }

  /** Adds a call. */
  push(call: TalosCall): void {
    if (["Version", "Events"].includes(call.method)) return;
    this.#calls.push(call);
    this.#wake();
  }

  /** No call will follow: who iterates comes to an end. */
  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /**
   * Waits until there are `count` calls and gives them.
   *
   * @throws Error when they are not there after `timeoutMs` milliseconds.
   */
  async waitFor(count: number, timeoutMs = 5000): Promise<readonly TalosCall[]> {
    const deadline = Date.now() + timeoutMs;
    while (this.#calls.length < count) {
      const left = deadline - Date.now();
      if (left <= 0 || this.#ended) {
        throw new Error(`${this.#calls.length} calls (${this.methods}) where ${count} are due`);
      }
      await this.#changedWithin(left);
    }
    return this.#calls;
  }

  /** All calls, those of the past first, then each as it comes, until `end`. */
  async *[Symbol.asyncIterator](): AsyncGenerator<TalosCall> {
    for (let index = 0;; index++) {
      let call = this.#calls[index];
      while (call === undefined) {
        if (this.#ended) return;
        await this.#changed.promise;
        call = this.#calls[index];
      }
      yield call;
    }
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }

  async #changedWithin(ms: number): Promise<void> {
    const timeout = Promise.withResolvers<void>();
    const timer = setTimeout(timeout.resolve, ms);
    await Promise.race([this.#changed.promise, timeout.promise]);
    clearTimeout(timer);
  }
}
