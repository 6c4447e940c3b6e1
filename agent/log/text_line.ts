import type { LineFormat, LogLevel } from "./log.ts";

const LABELS: Readonly<Record<LogLevel, string>> = {
  debug: "DEBUG",
  info: "INFO ",
  warn: "WARN ",
  error: "ERROR",
};
/** SGR codes of ECMA-48: grey, green, yellow, red. */
const COLORS: Readonly<Record<LogLevel, string>> = {
  debug: "90",
  info: "32",
  warn: "33",
  error: "31",
};

/**
 * Lines for people: time, level, message, then the fields as `name=value`. Values with spaces, quotes
 * or control characters are quoted as in JSON, and the message's control characters escaped, so that
 * nobody can forge a line or steer a terminal.
 */
export function textLine(colored: boolean): LineFormat {
  const paint = (code: string, text: string): string =>
    colored ? `\u001b[${code}m${text}\u001b[0m` : text;
  return (time, level, message, fields): string => {
    const parts = [time, paint(COLORS[level], LABELS[level]), escapeControls(message)];
    for (const [name, value] of Object.entries(fields)) {
      if (value !== undefined) parts.push(`${paint("90", `${name}=`)}${quote(String(value))}`);
    }
    return parts.join(" ");
  };
}

function quote(value: string): string {
  return /^[^\s"=\p{C}]+$/u.test(value) ? value : escapeControls(JSON.stringify(value));
}

function escapeControls(text: string): string {
  return text.replace(
    /[\p{C}\u2028\u2029]/gu,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
