import { cString, type Libc } from "../linux/libc.ts";
import type { Host } from "./host.ts";

// struct tm of 64-bit glibc.
const TM_SIZE = 56;
const TM_GMTOFF_OFFSET = 40;
const TM_ZONE_OFFSET = 48;

const TZ = cString("TZ");

/** A time zone as guest-get-timezone reports it. */
export interface TimeZone {
  /** The abbreviation in use, such as `CEST`. */
  readonly zone: string;
  /** Seconds east of UTC. */
  readonly offset: number;
}

/**
 * The host's time zone now: of the environment variable TZ, else of the host's /etc/localtime, else UTC.
 * glibc reads the zone file, because it knows all its forms (tzfile(5)).
 */
export function readTimeZone(host: Host): TimeZone {
  const { libc, files, roots: { rootfs } } = host;
  const seconds = Date.now() / 1000;
  // Without TZ glibc looks at /etc/localtime by itself, and is at UTC where there is none.
  if (rootfs === "/" || (Deno.env.get("TZ") ?? "") !== "") return localTime(libc, seconds);
  const path = host.rootPath("/etc/localtime");
  if (!files.exists(path)) return { zone: "UTC", offset: 0 };
  return withTimeZone(libc, `:${path}`, () => localTime(libc, seconds));
}

/**
 * TZ is glibc's only way to name a zone file; it is put back, since children would inherit it. glibc
 * must see that, or it would not look at a file of the same name again.
 */
function withTimeZone<T>(libc: Libc, value: string, run: () => T): T {
  const { setenv, unsetenv, tzset } = libc.time;
  libc.check(setenv(TZ, cString(value), 1), "setenv TZ");
  try {
    return run();
  } finally {
    unsetenv(TZ);
    tzset();
  }
}

function localTime(libc: Libc, seconds: number): TimeZone {
  const { tzset, localtime_r } = libc.time;
  tzset();
  const time = new BigInt64Array([BigInt(Math.floor(seconds))]);
  const tm = new Uint8Array(TM_SIZE);
  if (localtime_r(new Uint8Array(time.buffer), tm) === null) throw libc.lastError("localtime_r");
  const view = new DataView(tm.buffer);
  const name = Deno.UnsafePointer.create(view.getBigUint64(TM_ZONE_OFFSET, true));
  return {
    zone: name === null ? "UTC" : Deno.UnsafePointerView.getCString(name),
    offset: Number(view.getBigInt64(TM_GMTOFF_OFFSET, true)),
  };
}
