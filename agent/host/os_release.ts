import type { Host } from "./host.ts";

const FILES = ["/etc/os-release", "/usr/lib/os-release"];

/** The fields of os-release(5) that guest-get-osinfo reports. */
export interface OsRelease {
  readonly id?: string;
  readonly name?: string;
  readonly prettyName?: string;
  readonly version?: string;
  readonly versionId?: string;
  readonly variant?: string;
  readonly variantId?: string;
}

const KEYS: ReadonlyMap<string, keyof OsRelease> = new Map([
  ["ID", "id"],
  ["NAME", "name"],
  ["PRETTY_NAME", "prettyName"],
  ["VERSION", "version"],
  ["VERSION_ID", "versionId"],
  ["VARIANT", "variant"],
  ["VARIANT_ID", "variantId"],
]);

/** The host's os-release(5), or the one that `--os-release` names; empty when there is none. */
export function readOsRelease(host: Host): OsRelease {
  const { files, roots: { osRelease } } = host;
  const paths = osRelease === undefined ? FILES.map((path) => host.rootPath(path)) : [osRelease];
  for (const path of paths) {
    const text = files.readAttribute(path);
    if (text !== undefined) return parseOsRelease(text);
  }
  return {};
}

/** Reads os-release(5): shell assignments with plain, single-quoted or double-quoted values. */
export function parseOsRelease(text: string): OsRelease {
  const release: { -readonly [Key in keyof OsRelease]: string } = {};
  for (const line of text.split("\n")) {
    const equals = line.indexOf("=");
    const key = KEYS.get(line.slice(0, Math.max(equals, 0)).trimStart());
    if (key !== undefined) release[key] = unquote(line.slice(equals + 1));
  }
  return release;
}

function unquote(text: string): string {
  // Most values are in quotes and have no escapes.
  const end = text.indexOf('"', 1);
  if (text.startsWith('"') && end > 0 && !text.includes("\\")) return text.slice(1, end);
  const single = /^'([^']*)'/.exec(text);
  if (single !== null) return single[1] ?? "";
  const double = /^"((?:[^"\\]|\\.)*)"/.exec(text);
  if (double !== null) return (double[1] ?? "").replace(/\\(["'$`\\])/g, "$1");
  return (/^(?:[^\s\\'";]|\\.)*/.exec(text)?.[0] ?? "").replace(/\\(.)/g, "$1");
}
