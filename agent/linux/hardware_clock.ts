import { cString, type Libc, OpenFlag } from "./libc.ts";

const DEVICE_SYMBOLS = {
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

// linux/rtc.h
const RTC_RD_TIME = 0x80247009n;
const RTC_SET_TIME = 0x4024700an;
// struct rtc_time: sec, min, hour, mday, mon, year, wday, yday, isdst.
const RTC_TIME_MEMBERS = 9;
const YEAR_OFFSET = 1900;

/** The name of the hardware clock, below /dev. */
export const HARDWARE_CLOCK = "rtc0";

/**
 * The hardware clock, which counts whole seconds of UTC.
 *
 * @param device such as `/dev/rtc0`
 * @returns seconds since the epoch
 * @throws LibcError when there is no clock, it has lost its time, or access is refused
 */
export function readHardwareClock(libc: Libc, device: string): bigint {
  const time = new Int32Array(RTC_TIME_MEMBERS);
  control(libc, device, RTC_RD_TIME, "RTC_RD_TIME", time);
  return fromRtcTime(time);
}

/**
 * Sets the hardware clock.
 *
 * @param seconds since the epoch
 * @throws LibcError when there is no clock, or access is refused (CAP_SYS_TIME)
 */
export function setHardwareClock(libc: Libc, device: string, seconds: bigint): void {
  control(libc, device, RTC_SET_TIME, "RTC_SET_TIME", toRtcTime(seconds));
}

/** Seconds since the epoch as a struct rtc_time of UTC. */
export function toRtcTime(seconds: bigint): Int32Array<ArrayBuffer> {
  const date = new Date(Number(seconds) * 1000);
  const newYear = Date.UTC(date.getUTCFullYear(), 0);
  return Int32Array.of(
    date.getUTCSeconds(),
    date.getUTCMinutes(),
    date.getUTCHours(),
    date.getUTCDate(),
    date.getUTCMonth(),
    date.getUTCFullYear() - YEAR_OFFSET,
    date.getUTCDay(),
    Math.floor((date.getTime() - newYear) / 86_400_000),
    0,
  );
}

/** A struct rtc_time of UTC as seconds since the epoch. */
export function fromRtcTime(time: Int32Array): bigint {
  const [second = 0, minute = 0, hour = 0, day = 0, month = 0, year = 0] = time;
  return BigInt(Date.UTC(year + YEAR_OFFSET, month, day, hour, minute, second) / 1000);
}

function control(
  libc: Libc,
  device: string,
  request: bigint,
  name: string,
  time: Int32Array<ArrayBuffer>,
): void {
  const { open, close } = libc.file;
  const { ioctl } = libc.bind(DEVICE_SYMBOLS);
  const fd = libc.check(
    open(cString(device), OpenFlag.RDONLY | OpenFlag.CLOEXEC, 0),
    `open ${device}`,
  );
  try {
    libc.check(ioctl(fd, request, new Uint8Array(time.buffer)), `${name} on ${device}`);
  } finally {
    close(fd);
  }
}
