import type { Log, LogFields, LogLevel } from "./log.ts";

/** How many lines of one message may be written, and how many messages are counted. */
export interface RepeatLimits {
  /** Lines of one message in one window; the others are left out and counted. */
  readonly lines: number;
  readonly windowMs: number;
  /** Messages that are counted at the same time. */
  readonly messages: number;
}

const DEFAULT_LIMITS: RepeatLimits = { lines: 10, windowMs: 60_000, messages: 100 };

interface Window {
  readonly level: Exclude<LogLevel, "debug">;
  readonly message: string;
  written: number;
  leftOut: number;
  /** Of the last line that was left out. */
  fields: LogFields | undefined;
  /** As `performance.now()` has it. */
  readonly end: number;
  /** Only when there is something to tell at the end: an agent with nothing to do shall sleep. */
  timer: ReturnType<typeof setTimeout> | undefined;
}

/**
 * A log that leaves out lines whose level and message come again and again. What was left out in a
 * window is summed up at its end by one more line, the last one, with the field `repeated`: how many lines
 * it stands for. Debug lines all pass, since whoever asks for them is looking for something.
 */
export class RepeatLimit implements Log, Disposable {
  readonly #log: Log;
  readonly #limits: RepeatLimits;
  readonly #windows = new Map<string, Window>();

  constructor(log: Log, limits: RepeatLimits = DEFAULT_LIMITS) {
    this.#log = log;
    this.#limits = limits;
  }

  debug(message: string, fields?: LogFields): void {
    this.#log.debug(message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#write("info", message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#write("warn", message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#write("error", message, fields);
  }

  /** Tells what was left out until now. */
  [Symbol.dispose](): void {
    for (const key of [...this.#windows.keys()]) this.#close(key);
  }

  #write(level: Window["level"], message: string, fields: LogFields | undefined): void {
    const key = `${level} ${message}`;
    const now = performance.now();
    if ((this.#windows.get(key)?.end ?? now) < now) this.#close(key);
    const window = this.#windows.get(key) ?? this.#open(key, level, message);
    if (window.written < this.#limits.lines) {
      window.written++;
      this.#log[level](message, fields);
    } else {
      window.leftOut++;
      window.fields = fields;
      window.timer ??= this.#closeLater(key, window.end - now);
    }
  }

  #open(key: string, level: Window["level"], message: string): Window {
    if (this.#windows.size >= this.#limits.messages) {
      const [oldest] = this.#windows.keys();
      if (oldest !== undefined) this.#close(oldest);
    }
    const window: Window = {
      level,
      message,
      written: 0,
      leftOut: 0,
      fields: undefined,
      end: performance.now() + this.#limits.windowMs,
      timer: undefined,
    };
    this.#windows.set(key, window);
    return window;
  }

  #closeLater(key: string, milliseconds: number): ReturnType<typeof setTimeout> {
    const timer = setTimeout(() => this.#close(key), milliseconds);
    // A process that is done does not wait for it.
    Deno.unrefTimer(timer);
    return timer;
  }

  #close(key: string): void {
    const window = this.#windows.get(key);
    if (window === undefined) return;
    this.#windows.delete(key);
    clearTimeout(window.timer);
    const { level, message, fields, leftOut } = window;
    if (leftOut > 0) this.#log[level](message, { ...fields, repeated: leftOut });
  }
}
