import { ConfigError } from "./config_error.ts";

/** The group of a key file that qemu-ga reads. */
export const KEY_FILE_GROUP = "general";

const ESCAPES: Readonly<Record<string, string>> = {
  s: " ",
  n: "\n",
  t: "\t",
  r: "\r",
  "\\": "\\",
};

/**
 * Reads a group of a GLib key file, as qemu-ga's configuration and its state are: `[general]`, `key=value`,
 * comments after `#`. Other groups are passed over.
 *
 * @param path what to call the file in errors
 * @param wanted the group; that of the configuration when left out
 * @throws ConfigError for a line that is none of these
 */
export function parseKeyFile(
  text: string,
  path: string,
  wanted = KEY_FILE_GROUP,
): Map<string, string> {
  const values = new Map<string, string>();
  let group: string | undefined;
  for (const [index, raw] of text.split("\n").entries()) {
    // Not trim(): a value may begin or end with what only Unicode takes for white space.
    const line = raw.replace(/^[ \t\r]+|[ \t\r]+$/g, "");
    if (line === "" || line.startsWith("#")) continue;
    const header = /^\[([^[\]]+)\]$/.exec(line);
    if (header !== null) {
      group = header[1];
      continue;
    }
    const equals = line.indexOf("=");
    if (equals <= 0 || group === undefined) {
      throw new ConfigError(
        `${path}:${index + 1}: expected [${wanted}] and then key=value, found: ${line}`,
      );
    }
    if (group !== wanted) continue;
    values.set(
      line.slice(0, equals).trimEnd(),
      unescapeValue(line.slice(equals + 1).replace(/^[ \t\r]+/, "")),
    );
  }
  return values;
}

/** Writes what `parseKeyFile` reads. */
export function formatKeyFile(values: Iterable<readonly [string, string]>): string {
  const lines = [`[${KEY_FILE_GROUP}]`];
  for (const [key, value] of values) lines.push(`${key}=${escapeValue(value)}`);
  return lines.join("\n") + "\n";
}

function unescapeValue(text: string): string {
  return text.replace(/\\(.)/g, (whole, letter: string) => ESCAPES[letter] ?? whole);
}

function escapeValue(text: string): string {
  return text.replaceAll("\\", "\\\\").replace(/^ | $/g, "\\s").replaceAll("\n", "\\n")
    .replaceAll("\t", "\\t").replaceAll("\r", "\\r");
}
