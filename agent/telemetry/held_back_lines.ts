import type { LogSink } from "./log.ts";

const LIMIT = 256 * 1024;

/**
 * Log lines that can be held back: while file systems are frozen, a line written to a file, or to a
 * container's output, may never return. Lines are kept in memory until they can go, in their order;
 * those that exceed 256 Ki characters in all are dropped and counted. The lines written before there
 * is a sink are held back, too.
 */
export class HeldBackLines {
  #sink: LogSink | undefined;
  #held = false;
  #lines: string[] = [];
  #characters = 0;
  #dropped = 0;

  /** Passes a line on, or holds it back. */
  write(line: string): void {
    if (this.#sink !== undefined && !this.#held) {
      this.#sink(line);
      return;
    }
    if (this.#dropped > 0 || this.#characters + line.length > LIMIT) {
      this.#dropped++;
      return;
    }
    this.#characters += line.length;
    this.#lines.push(line);
  }

  /** Says where lines go. */
  sendTo(sink: LogSink): void {
    this.#sink = sink;
    this.#flush();
  }

  /** From now on nothing is written. */
  hold(): void {
    this.#held = true;
  }

  /**
   * Writes what was held back.
   *
   * @returns how many lines were dropped since `hold`
   */
  release(): number {
    this.#held = false;
    this.#flush();
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }

  #flush(): void {
    if (this.#sink === undefined || this.#held) return;
    const lines = this.#lines;
    this.#lines = [];
    this.#characters = 0;
    for (const line of lines) this.#sink(line);
  }
}
