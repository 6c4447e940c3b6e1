import type { CheckLine, CheckStatus } from "./check_line.ts";

/** The findings and what they add up to. */
export interface CheckReport {
  /** Whether the exit status is 0. */
  readonly ok: boolean;
  readonly checks: readonly CheckLine[];
}

const STATUSES: readonly CheckStatus[] = ["ok", "warning", "failed"];
/** SGR parameters of ECMA-48: green, yellow, red. */
const COLOURS: Readonly<Record<CheckStatus, number>> = { ok: 32, warning: 33, failed: 31 };
const GAP = 2;

/** 0; 1 for warnings, if they count (`strict`); 2 for failures. */
export function exitStatus(lines: readonly CheckLine[], strict: boolean): number {
  if (lines.some(({ status }) => status === "failed")) return 2;
  return strict && lines.some(({ status }) => status === "warning") ? 1 : 0;
}

/** A line for each finding, its remedy below it, and a summary as the last line. */
export function formatText(lines: readonly CheckLine[], colour: boolean): string {
  return [...formatLines(lines, colour), summary(lines)].join("\n");
}

/** A line for each finding, and its remedy below it. */
export function formatLines(lines: readonly CheckLine[], colour: boolean): string[] {
  const statusWidth = Math.max(...STATUSES.map(({ length }) => length)) + GAP;
  const nameWidth = Math.max(0, ...lines.map(({ name }) => name.length)) + GAP;
  const paint = (status: CheckStatus, text: string) =>
    colour ? `\x1b[${COLOURS[status]}m${text}\x1b[0m` : text;
  return lines.flatMap(({ name, status, fact, remedy }) => {
    const head = paint(status, status) + " ".repeat(statusWidth - status.length);
    const found = head + name.padEnd(nameWidth) + fact;
    if (remedy === undefined) return [found];
    return [found, `${" ".repeat(statusWidth + nameWidth)}-> ${remedy}`];
  });
}

/** The findings as one JSON object (`CheckReport`). */
export function formatJson(lines: readonly CheckLine[], strict: boolean): string {
  const report: CheckReport = { ok: exitStatus(lines, strict) === 0, checks: lines };
  return JSON.stringify(report, undefined, 2);
}

function summary(lines: readonly CheckLine[]): string {
  const counts = STATUSES.map((wanted) => {
    const count = lines.filter(({ status }) => status === wanted).length;
    return wanted === "warning" && count !== 1 ? `${count} warnings` : `${count} ${wanted}`;
  });
  return `${lines.length} checks: ${counts.join(", ")}`;
}
