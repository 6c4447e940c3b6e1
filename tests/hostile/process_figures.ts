import { ok } from "node:assert/strict";

/** What must not grow in a process. */
export interface ProcessFigures {
  /** Memory that no file stands behind, in MiB. */
  readonly anonymousMiB: number;
  readonly threads: number;
  readonly descriptors: number;
}

/** Takes the figures from the text of /proc/PID/status (proc(5)) and the number of files in /proc/PID/fd. */
export function figuresOf(status: string, descriptors: number): ProcessFigures {
  const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1]);
  return { anonymousMiB: field("RssAnon") / 1024, threads: field("Threads"), descriptors };
}

/** Those of a process on this machine. */
export function readFigures(pid: number): ProcessFigures {
  const descriptors = Array.from(Deno.readDirSync(`/proc/${pid}/fd`)).length;
  return figuresOf(Deno.readTextFileSync(`/proc/${pid}/status`), descriptors);
}

/** A line for people. */
export function describeFigures({ anonymousMiB, threads, descriptors }: ProcessFigures): string {
  return `${anonymousMiB.toFixed(1)} MiB, ${threads} threads, ${descriptors} descriptors`;
}

/**
 * Checks that nothing has grown but by the slack that a runtime has: pages that its heap keeps, and
 * threads of its pool, which come when they are needed and end after a while.
 */
export function assertNoGrowth(before: ProcessFigures, after: ProcessFigures): void {
  const text = `before: ${describeFigures(before)}; after: ${describeFigures(after)}`;
  ok(after.anonymousMiB <= before.anonymousMiB + 4, text);
  ok(after.threads <= before.threads + 4, text);
  ok(after.descriptors <= before.descriptors + 2, text);
}
