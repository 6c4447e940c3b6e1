import type { CheckLine, CheckStatus } from "./check_line.ts";
import { formatLines } from "./report.ts";

/** The checks that a cell sums up; what no cell names is in the last one. */
const CELLS: readonly (readonly string[])[] = [
  ["port", "agent"],
  ["freeze, trim"],
  ["talosconfig", "certificate", "role", "talos socket"],
  ["talos api"],
  ["clock"],
];
const NAMED = new Set(CELLS.flat());
const SEPARATOR = "\t";

/**
 * The findings as a row of a table of many nodes, which `scripts/check-all` makes: a line of six cells,
 * separated by tabs (port, freeze, credentials, Talos API, clock, all else), and below it the lines that are
 * not well. A cell is a status (`ok`, `warning`, `failed`, or `none` where nothing was looked at) and a few
 * words.
 *
 * @param strict whether warnings count, and are among the lines
 */
export function formatRow(lines: readonly CheckLine[], strict: boolean): string {
  const cells = CELLS.map((names) => {
    const ofCell = lines.filter(({ name }) => names.includes(name));
    const { status, brief, name } = worst(ofCell) ?? { status: "none", name: "not asked" };
    if (status !== "ok") return `${status} ${brief ?? name}`;
    const briefs = ofCell.flatMap(({ brief }) => brief ?? []);
    return `ok ${briefs.length === 0 ? name : briefs.join(", ")}`;
  });
  const others = lines.filter(({ name }) => !NAMED.has(name));
  const row = [...cells, otherCell(others)].map((cell) => cell.replaceAll(/\s+/g, " "));
  const bad = lines.filter(({ status }) => status === "failed" || strict && status === "warning");
  return [row.join(SEPARATOR), ...formatLines(bad, false)].join("\n");
}

function otherCell(lines: readonly CheckLine[]): string {
  const status = worst(lines)?.status ?? "ok";
  if (status === "ok") return `ok ${lines.length} more`;
  const names = lines.filter((line) => line.status === status).map(({ name }) => name);
  return `${status} ${[...new Set(names)].join(", ")}`;
}

function worst(lines: readonly CheckLine[]): CheckLine | undefined {
  const first = (wanted: CheckStatus) => lines.find(({ status }) => status === wanted);
  return first("failed") ?? first("warning") ?? lines[0];
}
