/** Words of PromQL that are not names of metrics. */
const KEYWORDS = [
  ...["and", "or", "unless", "by", "without", "on", "ignoring", "group_left", "group_right"],
  ...["offset", "bool", "inf", "nan"],
];

/** The names of the metrics that a PromQL expression asks for, sorted. */
export function metricNames(expr: string): string[] {
  const names = expr
    .replaceAll(/"(?:[^"\\]|\\.)*"/g, '""')
    .replaceAll(/\{[^}]*\}/g, "")
    .replaceAll(/\[[^\]]*\]/g, "")
    // Lists of labels.
    .replaceAll(/\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, "")
    .replaceAll(/\boffset\s+\S+/g, "")
    .matchAll(/(?<![\w.])[a-zA-Z_:][\w:]*(?!\s*\(|[\w:])/g);
  const found = Array.from(names, ([name]) => name)
    .filter((name) => !KEYWORDS.includes(name.toLowerCase()));
  return [...new Set(found)].sort();
}

/** The names of the metrics in a text that a scrape gave: those of samples, as queries have them. */
export function servedNames(exposition: string): Set<string> {
  const names = exposition.split("\n").filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => /^[a-zA-Z_:][\w:]*/.exec(line)?.[0] ?? "");
  return new Set(names);
}
