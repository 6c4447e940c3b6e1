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

/** Reads os-release(5): shell assignments with plain, single-quoted or double-quoted values. */
export function parseOsRelease(text: string): OsRelease {
  const release: { -readonly [Key in keyof OsRelease]: string } = {};
  for (const line of text.split("\n")) {
    const assignment = /^\s*([A-Z_]+)=(.*)$/.exec(line);
    const key = KEYS.get(assignment?.[1] ?? "");
    if (key !== undefined) release[key] = unquote(assignment?.[2] ?? "");
  }
  return release;
}

function unquote(text: string): string {
  const single = /^'([^']*)'/.exec(text);
  if (single !== null) return single[1] ?? "";
  const double = /^"((?:[^"\\]|\\.)*)"/.exec(text);
  if (double !== null) return (double[1] ?? "").replace(/\\(["$`\\])/g, "$1");
  return (/^(?:[^\s\\'";]|\\.)*/.exec(text)?.[0] ?? "").replace(/\\(.)/g, "$1");
}
