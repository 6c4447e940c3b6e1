/** In bytes, of all lines that wait. */
const LIMIT = 256 * 1024;
const FIRST_RETRY_MS = 20;
const LAST_RETRY_MS = 5_000;

const NEWLINE = new Uint8Array([0x0a]);
const encoder = new TextEncoder();

/** Why a destination took nothing. */
export interface WriteFailure {
  /** In words, such as `No space left on device`. */
  readonly reason: string;
  /** Whether the same write can succeed later: a disk is full, a reader slow. */
  readonly passes: boolean;
}

/** Where the bytes of log lines go. */
export interface LogDestination {
  /**
   * Takes as many of the bytes as it can without waiting, the first ones.
   *
   * @returns how many, at least one; or why none. It never throws
   */
  write(bytes: Uint8Array<ArrayBuffer>): number | WriteFailure;
}

/** The options of `PausedLines`. */
export interface PausedLinesOptions {
  /**
   * Tells, in a log line of its own, that lines were lost, and why; called once lines can be written
   * again. The lines that a pause has dropped are not among them.
   */
  readonly tellLost?: (lines: number, reason: string) => void;
  /** Calls back after a time; gives what cancels that. For tests. */
  readonly startTimer?: (callback: () => void, milliseconds: number) => () => void;
}

/**
 * Log lines that wait until they can be written, in their order. A caller that logs never waits for it, and
 * never learns that it failed:
 *
 * - While file systems are frozen, a line written to a file, or to a container's output, may never
 *   return: nothing is written between `pause` and `resume`.
 * - What the destination cannot take now, because its disk is full or its reader slow, is tried again
 *   after a while; as long as lines wait, and only then, there is a timer.
 * - The lines written before there is a destination wait for it.
 *
 * Lines that exceed 256 KiB in all, and those that the destination will never take, are lost, and
 * counted.
 */
export class PausedLines implements Disposable {
  readonly #tellLost: (lines: number, reason: string) => void;
  readonly #startTimer: (callback: () => void, milliseconds: number) => () => void;
  #destination: LogDestination | undefined;
  #isPaused = false;
  #afterResume: (() => void) | undefined;
  #lines: Uint8Array<ArrayBuffer>[] = [];
  #bytes = 0;
  /** How many bytes of the first line are written. */
  #written = 0;
  /** Whether the last line that was begun is lost without its end. */
  #broken = false;
  #dropped = 0;
  #untold = 0;
  #lost = 0;
  #failure: WriteFailure | undefined;
  #cancelRetry: (() => void) | undefined;
  #retryMs = FIRST_RETRY_MS;

  constructor({ tellLost = () => {}, startTimer = startRealTimer }: PausedLinesOptions = {}) {
    this.#tellLost = tellLost;
    this.#startTimer = startTimer;
  }

  /** How many lines were lost since the start. */
  get lost(): number {
    return this.#lost;
  }

  /** Takes a whole line, newline included. */
  readonly write = (line: string): void => {
    const bytes = encoder.encode(line);
    if (this.#bytes + bytes.length > LIMIT) this.#flush();
    // Once one is lost, so are those after it: who reads the log finds one gap.
    const full = this.#bytes + bytes.length > LIMIT ||
      this.#lines.length > 0 && this.#dropped + this.#untold > 0;
    if (full) {
      this.#lost++;
      if (this.#isPaused) this.#dropped++;
      else this.#untold++;
    } else {
      this.#bytes += bytes.length;
      this.#lines.push(bytes);
    }
    this.#flush();
  };

  /** Says where lines go; one that is half written is written again, as a whole. */
  sendTo(destination: LogDestination): void {
    this.#destination = destination;
    this.#written = 0;
    this.#broken = false;
    this.#flush();
  }

  /** From now on nothing is written. */
  pause(): void {
    this.#isPaused = true;
  }

  /**
   * Writes what was kept meanwhile.
   *
   * @returns how many lines were dropped since `pause`
   */
  resume(): number {
    this.#isPaused = false;
    const dropped = this.#dropped;
    this.#dropped = 0;
    const action = this.#afterResume;
    this.#afterResume = undefined;
    action?.();
    this.#flush();
    return dropped;
  }

  /**
   * Runs what may have to wait for a frozen file system: now, or at `resume`. One that is given while
   * another waits replaces it.
   */
  unlessPaused(action: () => void): void {
    if (this.#isPaused) this.#afterResume = action;
    else action();
  }

  /** Writes what can be written now, and gives the rest up. */
  [Symbol.dispose](): void {
    this.#flush();
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    this.#destination = undefined;
  }

  #flush(): void {
    for (;;) {
      const [line] = this.#lines;
      if (line === undefined || this.#destination === undefined || this.#isPaused) return;
      const rest = this.#broken ? NEWLINE : line.subarray(this.#written);
      const result = this.#destination.write(rest);
      if (typeof result === "number") {
        this.#retryMs = FIRST_RETRY_MS;
        if (this.#broken) this.#broken = false;
        else this.#written += result;
        if (this.#written < line.length) continue;
        this.#shift();
        if (this.#lines.length === 0) this.#tell();
        continue;
      }
      this.#failure = result;
      if (result.passes) {
        this.#retryLater();
        return;
      }
      this.#broken ||= this.#written > 0;
      this.#shift();
      this.#lost++;
      this.#untold++;
    }
  }

  #shift(): void {
    const line = this.#lines.shift();
    this.#bytes -= line?.length ?? 0;
    this.#written = 0;
  }

  /** The line that tells it is one like all others, and can be lost, too. */
  #tell(): void {
    const lines = this.#untold;
    if (lines === 0) return;
    this.#untold = 0;
    this.#tellLost(lines, this.#failure?.reason ?? "too many lines waited");
    if (this.#untold > 0) this.#untold += lines;
  }

  #retryLater(): void {
    if (this.#cancelRetry !== undefined) return;
    this.#cancelRetry = this.#startTimer(() => {
      this.#cancelRetry = undefined;
      this.#flush();
    }, this.#retryMs);
    this.#retryMs = Math.min(2 * this.#retryMs, LAST_RETRY_MS);
  }
}

function startRealTimer(callback: () => void, milliseconds: number): () => void {
  const timer = setTimeout(callback, milliseconds);
  // A process that is done does not wait for it.
  Deno.unrefTimer(timer);
  return () => clearTimeout(timer);
}
