/** How much a log line matters, least first. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** What a log line carries beside its message; undefined fields are left out. */
export type LogFields = Readonly<Record<string, string | number | bigint | boolean | undefined>>;

/** A place for log lines. It is passed to whatever logs; nothing imports one as a global. */
export interface Log {
  /** A detail for who looks for a fault; shown with `--verbose` only. */
  debug(message: string, fields?: LogFields): void;
  /** A normal event that an operator wants to see, power actions above all. */
  info(message: string, fields?: LogFields): void;
  /** Something that the agent can live with and that the operator should mend. */
  warn(message: string, fields?: LogFields): void;
  /** Something that keeps the agent from doing its work. */
  error(message: string, fields?: LogFields): void;
}

/** Takes one whole line, newline included. */
export type LogSink = (line: string) => void;

/** What `jsonLog` needs beside its sink. */
export interface JsonLogOptions {
  /** Lines below this level are dropped. Default `info`. */
  readonly level?: LogLevel;
  /** The clock, in milliseconds since the epoch; for tests. */
  readonly now?: () => number;
}

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/**
 * A log of JSON objects, one a line: `time` (RFC 3339, UTC, milliseconds), `level`, `message`,
 * then the fields. A bigint is written as a decimal string.
 */
export function jsonLog(sink: LogSink, options: JsonLogOptions = {}): Log {
  const threshold = RANK[options.level ?? "info"];
  const now = options.now ?? Date.now;
  const write = (level: LogLevel) => (message: string, fields: LogFields = {}): void => {
    if (RANK[level] < threshold) return;
    const line = JSON.stringify(
      { time: new Date(now()).toISOString(), level, message, ...fields },
      (_key, value: unknown) => typeof value === "bigint" ? value.toString() : value,
    );
    sink(`${line}\n`);
  };
  return { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
}

/** A log that drops every line. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
