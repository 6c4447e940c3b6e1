import type { Aspect, Difference } from "./compare.ts";

/** A difference that is meant to be, and why. What is left out matches everything. */
export interface AllowedDifference {
  /** Why ours is not as qemu-ga 7.2. */
  readonly reason: string;
  /** The commands, or the names of the rows of the framing suite. */
  readonly of: RegExp;
  readonly aspect: Aspect;
  readonly where?: RegExp;
  readonly ours?: RegExp;
  readonly theirs?: RegExp;
  /** Whether it only occurs where the machine has certain devices; it may be unused then. */
  readonly dependsOnMachine?: boolean;
}

/** What a suite has sent, and how it was answered. */
export interface Count {
  requests: number;
  equal: number;
  allowed: number;
  failed: number;
}

/** Judges differences, and keeps count of them and of the rows that allow them. */
export class Ledger {
  readonly #allowed: readonly AllowedDifference[];
  readonly #uses = new Map<AllowedDifference, number>();
  readonly #counts = new Map<string, Count>();

  constructor(allowed: readonly AllowedDifference[]) {
    this.#allowed = allowed;
  }

  /**
   * Takes down how one request was answered.
   *
   * @param of the command, or the row's name
   * @returns the differences that no row allows
   */
  judge(suite: string, of: string, differences: readonly Difference[]): Difference[] {
    const count = this.#counts.get(suite) ?? { requests: 0, equal: 0, allowed: 0, failed: 0 };
    this.#counts.set(suite, count);
    const forbidden = differences.filter((difference) => !this.#allow(of, difference));
    count.requests++;
    if (differences.length === 0) count.equal++;
    else if (forbidden.length === 0) count.allowed++;
    else count.failed++;
    return forbidden;
  }

  /** The rows that have not allowed anything, though every machine has what they are about. */
  unused(): AllowedDifference[] {
    return this.#allowed.filter((row) => !this.#uses.has(row) && row.dependsOnMachine !== true);
  }

  /** The results as a table, a line a suite, and how often each difference was met. */
  table(): string {
    const columns = ["requests", "equal", "allowed", "failed"] as const;
    const width = 10;
    const line = (name: string, cells: readonly (string | number)[]) =>
      name.padEnd(34) + cells.map((cell) => String(cell).padStart(width)).join("");
    const total: Count = { requests: 0, equal: 0, allowed: 0, failed: 0 };
    const lines = [line("suite", columns)];
    for (const [suite, count] of this.#counts) {
      for (const column of columns) total[column] += count[column];
      lines.push(line(suite, columns.map((column) => count[column])));
    }
    lines.push(line("all", columns.map((column) => total[column])), "", "allowed differences:");
    for (const [row, uses] of this.#uses) lines.push(`${String(uses).padStart(7)}  ${row.reason}`);
    return lines.join("\n");
  }

  #allow(of: string, difference: Difference): boolean {
    const row = this.#allowed.find((candidate) =>
      candidate.aspect === difference.aspect &&
      candidate.of.test(of) &&
      (candidate.where?.test(difference.where) ?? true) &&
      (candidate.ours?.test(difference.ours) ?? true) &&
      (candidate.theirs?.test(difference.theirs) ?? true)
    );
    if (row !== undefined) this.#uses.set(row, (this.#uses.get(row) ?? 0) + 1);
    return row !== undefined;
  }
}
