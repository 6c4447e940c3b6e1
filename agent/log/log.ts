/** How much a log line matters, least first. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** What a log line carries besides its message; undefined fields are left out. */
export type LogFields = Readonly<Record<string, string | number | bigint | boolean | undefined>>;

/** A place for log lines. It is passed to whatever logs; nothing imports one as a global. */
export interface Log {
  /** A detail for whoever looks for a fault; shown with `--verbose` only. */
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

/** What a log needs besides its sink. */
export interface LogOptions {
  /** Lines below this level are dropped. Default `info`. */
  readonly level?: LogLevel;
  /** The clock, in milliseconds since the epoch; for tests. */
  readonly now?: () => number;
}

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/** Makes the line of an event, without a newline; `time` is RFC 3339, UTC, with milliseconds. */
export type LineFormat = (
  time: string,
  level: LogLevel,
  message: string,
  fields: LogFields,
) => string;

/**
 * A JSON object: `time`, `level`, `message`, then the fields. A bigint is written as a decimal string.
 */
export function jsonLine(
  time: string,
  level: LogLevel,
  message: string,
  fields: LogFields,
): string {
  return JSON.stringify(
    { time, level, message, ...fields },
    (_key, value: unknown) => typeof value === "bigint" ? value.toString() : value,
  );
}

/** A log of lines of this format, one an event. */
export function lineLog(format: LineFormat, sink: LogSink, options: LogOptions = {}): Log {
  const threshold = RANK[options.level ?? "info"];
  const now = options.now ?? Date.now;
  const write = (level: LogLevel) => (message: string, fields: LogFields = {}): void => {
    if (RANK[level] < threshold) return;
    sink(`${format(new Date(now()).toISOString(), level, message, fields)}\n`);
  };
  return { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
}

/** A log of JSON objects; see `jsonLine`. */
export function jsonLog(sink: LogSink, options: LogOptions = {}): Log {
  return lineLog(jsonLine, sink, options);
}

/** A log that drops every line. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
