import type { KernelFiles } from "./kernel_files.ts";
import { cString, type Libc } from "./libc.ts";
import { resolveInRoot } from "./rooted_path.ts";

// struct tm of 64-bit glibc.
const TM_SIZE = 56;
const TM_GMTOFF_OFFSET = 40;
const TM_ZONE_OFFSET = 48;

/** A time zone as guest-get-timezone reports it. */
export interface TimeZone {
  /** The abbreviation in use, such as `CEST`. */
  readonly zone: string;
  /** Seconds east of UTC. */
  readonly offset: number;
}

/**
 * The host's time zone at a moment: of the environment variable TZ, else of the host's
 * /etc/localtime, else UTC. glibc reads the zone file, because it knows all its forms (tzfile(5)).
 *
 * @param rootfs what is `/` on the host
 * @param seconds the moment, in seconds since the epoch
 */
export function hostTimeZone(
  libc: Libc,
  files: KernelFiles,
  rootfs: string,
  seconds: number,
): TimeZone {
  if ((Deno.env.get("TZ") ?? "") === "") {
    const path = resolveInRoot(files, rootfs, "/etc/localtime");
    if (!files.exists(path)) return { zone: "UTC", offset: 0 };
    return withTimeZone(libc, `:${path}`, () => localTime(libc, seconds));
  }
  return localTime(libc, seconds);
}

/** TZ is glibc's only way to name a zone file; it is put back, since children would inherit it. */
function withTimeZone<T>(libc: Libc, value: string, run: () => T): T {
  const { setenv, unsetenv } = libc.time;
  libc.check(setenv(cString("TZ"), cString(value), 1), "setenv TZ");
  try {
    return run();
  } finally {
    unsetenv(cString("TZ"));
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
