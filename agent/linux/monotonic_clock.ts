import type { Libc } from "./libc.ts";

const CLOCK_MONOTONIC = 1;

/**
 * Milliseconds since some moment before all processes of this machine: the clock that setting the time
 * does not move, the same in every process and container (clock_gettime(2), CLOCK_MONOTONIC).
 */
export function readMonotonicClock(libc: Libc): number {
  const timespec = new BigInt64Array(2);
  const bytes = new Uint8Array(timespec.buffer);
  libc.check(libc.time.clock_gettime(CLOCK_MONOTONIC, bytes), "clock_gettime");
  const [seconds = 0n, nanoseconds = 0n] = timespec;
  return Number(seconds) * 1000 + Number(nanoseconds) / 1e6;
}
