/** What a measurement must be; without a limit it is told for comparison. */
export interface Limit {
  /** At most so many times the peer. */
  readonly times?: number;
  /** At most so much. */
  readonly most?: number;
}

/** One line of the table. */
export interface Row {
  readonly what: string;
  /** Of both values. */
  readonly unit: string;
  /** Undefined: not measured, `note` says why. */
  readonly ours?: number;
  readonly peer?: number;
  /** Who the peer is, when there is one. */
  readonly peerName?: string;
  readonly must: Limit;
  /** `skipped` rows say nothing; `no` is also for what failed. */
  readonly met: "yes" | "no" | "skipped";
  readonly note?: string;
}

/** Judges what was measured. */
export function measuredRow(row: Omit<Row, "met">): Row {
  const { ours, must } = row;
  const ratio = ratioOf(row);
  const met = ours !== undefined &&
    (must.times === undefined || (ratio !== undefined && ratio <= must.times)) &&
    (must.most === undefined || ours <= must.most);
  return { ...row, met: met ? "yes" : "no" };
}

/** A line for what could not be measured on this machine. */
export function skippedRow(what: string, note: string): Row {
  return { what, unit: "", must: {}, met: "skipped", note };
}

/** The lines of a measurement, or one that says how it failed. */
export async function rowsOrFailure(
  what: string,
  measure: () => Promise<readonly Row[]>,
): Promise<readonly Row[]> {
  try {
    return await measure();
  } catch (error) {
    const note = `failed: ${error instanceof Error ? error.message : error}`;
    return [{ what, unit: "", must: {}, met: "no", note }];
  }
}

/** The value in the middle. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[sorted.length >> 1] ?? NaN;
  const lower = sorted[(sorted.length - 1) >> 1] ?? NaN;
  return (lower + upper) / 2;
}

/** The table as text, each note on a line of its own below it. */
export function formatTable(rows: readonly Row[]): string {
  const cells = [
    ["what", "ours", "peer", "ratio", "must", "met"],
    ...rows.map((row) => [
      row.what,
      formatValue(row.ours, row.unit),
      row.peer === undefined ? "-" : `${formatValue(row.peer, row.unit)} ${row.peerName ?? ""}`,
      ratioOf(row)?.toFixed(2) ?? "-",
      formatLimit(row),
      row.met,
    ]),
  ];
  const widths = (cells[0] ?? []).map((_, column) =>
    Math.max(...cells.map((line) => line[column]?.length ?? 0))
  );
  const table = cells.map((line) =>
    line.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd()
  );
  const notes = rows.flatMap(({ what, note }) => note === undefined ? [] : [`${what}: ${note}`]);
  return [...table, ...notes].join("\n");
}

function ratioOf({ ours, peer }: Pick<Row, "ours" | "peer">): number | undefined {
  return ours === undefined || peer === undefined || peer === 0 ? undefined : ours / peer;
}

function formatValue(value: number | undefined, unit: string): string {
  if (value === undefined) return "-";
  return `${Number.isInteger(value) ? value : value.toFixed(value < 10 ? 2 : 1)} ${unit}`;
}

function formatLimit({ must, unit, met }: Row): string {
  if (met === "skipped") return "-";
  if (must.times !== undefined) return `<= ${must.times.toFixed(1)} x`;
  if (must.most !== undefined) return must.most === 0 ? "0" : `<= ${must.most} ${unit}`;
  return "-";
}
