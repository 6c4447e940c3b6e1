import type { Libc } from "./libc.ts";

const SETTING_SYMBOLS = {
  clock_settime: { parameters: ["i32", "buffer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

const CLOCK_REALTIME = 0;
const NANOSECONDS_PER_SECOND = 1_000_000_000n;

/** The system clock in nanoseconds since the epoch (clock_gettime(2), CLOCK_REALTIME). */
export function readSystemClock(libc: Libc): bigint {
  const timespec = new BigInt64Array(2);
  const bytes = new Uint8Array(timespec.buffer);
  libc.check(libc.time.clock_gettime(CLOCK_REALTIME, bytes), "clock_gettime");
  const [seconds = 0n, nanoseconds = 0n] = timespec;
  return seconds * NANOSECONDS_PER_SECOND + nanoseconds;
}

/**
 * Sets the system clock (clock_settime(2), CLOCK_REALTIME).
 *
 * @param time nanoseconds since the epoch, not negative
 * @throws LibcError when the kernel refuses, for example without CAP_SYS_TIME
 */
export function setSystemClock(libc: Libc, time: bigint): void {
  const { clock_settime } = libc.bind(SETTING_SYMBOLS);
  const timespec = new BigInt64Array([
    time / NANOSECONDS_PER_SECOND,
    time % NANOSECONDS_PER_SECOND,
  ]);
  const bytes = new Uint8Array(timespec.buffer);
  libc.check(clock_settime(CLOCK_REALTIME, bytes), "clock_settime");
}
