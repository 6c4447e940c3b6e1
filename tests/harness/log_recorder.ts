import type { Log, LogFields, LogLevel } from "../../agent/log/log.ts";

/** A line that was logged. */
export interface LoggedLine {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields: LogFields;
}

/** A log that keeps its lines; `onLine` is called with each, at once. */
export class LogRecorder implements Log {
  readonly lines: LoggedLine[] = [];
  onLine: (line: LoggedLine) => void = () => {};

  debug(message: string, fields?: LogFields): void {
    this.#add("debug", message, fields);
  }

  info(message: string, fields?: LogFields): void {
    this.#add("info", message, fields);
  }

  warn(message: string, fields?: LogFields): void {
    this.#add("warn", message, fields);
  }

  error(message: string, fields?: LogFields): void {
    this.#add("error", message, fields);
  }

  /** The lines whose message matches. */
  matching(message: RegExp): LoggedLine[] {
    return this.lines.filter((line) => message.test(line.message));
  }

  /**
   * Waits until a line matches and gives it.
   *
   * @throws Error when none does within `timeoutMs` milliseconds.
   */
  async waitFor(message: RegExp, timeoutMs = 5000): Promise<LoggedLine> {
    for (const deadline = Date.now() + timeoutMs; Date.now() < deadline;) {
      const [line] = this.matching(message);
      if (line !== undefined) return line;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    throw new Error(`no line ${message} in ${JSON.stringify(this.lines)}`);
  }

  #add(level: LogLevel, message: string, fields: LogFields = {}): void {
    const line = { level, message, fields };
    this.lines.push(line);
    this.onLine(line);
  }
}
