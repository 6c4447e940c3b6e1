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

/** For how long an idle process may keep its garbage, in milliseconds: V8 collects it within half a minute. */
const IDLE_MS = 40_000;
const PAUSE_MS = 500;
/** By what the memory may differ from one look to the next, in MiB: pages that a heap keeps. */
const SLACK_MIB = 4;

/**
 * Waits until an idle process has collected its garbage, so that what is left is in use: the figures with
 * the least memory.
 *
 * @param read takes the figures
 * @param before what the memory should come back to: then there is no need to wait any longer
 */
export async function idleFigures(
  read: () => Promise<ProcessFigures>,
  before?: ProcessFigures,
): Promise<ProcessFigures> {
  let least = await read();
  for (const end = performance.now() + IDLE_MS; performance.now() < end;) {
    if (before !== undefined && least.anonymousMiB <= before.anonymousMiB + SLACK_MIB) break;
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    const now = await read();
    if (now.anonymousMiB < least.anonymousMiB) least = now;
  }
  return least;
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
  ok(after.anonymousMiB <= before.anonymousMiB + SLACK_MIB, text);
  ok(after.threads <= before.threads + 4, text);
  ok(after.descriptors <= before.descriptors + 2, text);
}
