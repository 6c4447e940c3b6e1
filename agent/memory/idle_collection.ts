/** What V8 offers with `--expose-gc`, which scripts/compile sets. */
type Collect = (
  options: { type: "major"; execution: "sync"; flavor: "regular" },
) => void;

/** Garbage that may be left, in bytes. */
const MOST_GARBAGE_BYTES = 6 * 1024 * 1024;
/** How long nothing may have added to it, in milliseconds. */
const IDLE_MS = 1_000;

/** Gives memory back that JavaScript does not use any more; where V8 does not offer it, nothing is done. */
function collectGarbage(): void {
  // The last text that an expression has matched is kept, and what it is a part of.
  /^/.test("");
  const { gc } = globalThis as { gc?: Collect };
  gc?.({ type: "major", execution: "sync", flavor: "regular" });
}

/**
 * Has V8 collect garbage once no more is added to it. V8 does so by itself, in small steps, while there is
 * ever more; what the last messages have left it would keep until the next, and it does not know of the
 * container's limit. Ours takes some ten milliseconds, in which nothing else runs: it is not done between
 * one message and the next.
 */
export class IdleCollection implements Disposable {
  readonly #collect: () => void;
  readonly #idleMs: number;
  #garbageBytes = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /**
   * @param collect collects garbage
   * @param idleMs for how long nothing may have been added before, in milliseconds
   */
  constructor(collect: () => void = collectGarbage, idleMs = IDLE_MS) {
    this.#collect = collect;
    this.#idleMs = idleMs;
  }

  /** Adds garbage, in bytes: 0 does not count as something added. */
  add(bytes: number): void {
    if (bytes === 0) return;
    this.#garbageBytes += bytes;
    if (this.#garbageBytes < MOST_GARBAGE_BYTES) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#garbageBytes = 0;
      this.#collect();
    }, this.#idleMs);
  }

  /** Nothing is collected any more. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
