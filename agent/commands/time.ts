import { HARDWARE_CLOCK, readHardwareClock, setHardwareClock } from "../linux/hardware_clock.ts";
import type { Host } from "../host/host.ts";
import { readTimeZone } from "../host/time_zone.ts";
import { LibcError } from "../linux/libc.ts";
import { readSystemClock, setSystemClock } from "../linux/system_clock.ts";
import { integer, optional } from "../protocol/argument_type.ts";
import { defineCommand } from "../protocol/command.ts";
import { QapiError } from "../protocol/qapi_error.ts";
import type { CommandContext } from "./context.ts";

const NANOSECONDS_PER_SECOND = 1_000_000_000n;
// QEMU takes the years 1970 to 2069.
const LATEST_TIME = BigInt(Date.UTC(2070, 0)) * 1_000_000n;

/** QAPI guest-get-time. */
export const guestGetTime = defineCommand({
  name: "guest-get-time",
  summary: "The system clock, in nanoseconds since the epoch.",
  since: "1.5",
  arguments: {},
  reply: "value",
  family: "information",
}, (_values, { host }: CommandContext) => readSystemClock(host.libc));

/**
 * QAPI guest-set-time: the system clock from the argument, and the hardware clock from the system
 * clock; without an argument the system clock from the hardware clock.
 */
export const guestSetTime = defineCommand({
  name: "guest-set-time",
  summary: "Sets the node's clocks to a time, or its system clock to the hardware clock, which " +
    "counts whole seconds. Talos' time synchronization sets them, too.",
  since: "1.5",
  arguments: { time: optional(integer()) },
  reply: "value",
  family: "set",
  byDefault: { access: "blocked", reason: "Talos owns the clock" },
  capability: "CAP_SYS_TIME",
}, ({ time }, { host }: CommandContext) => {
  const { libc } = host;
  const device = host.devPath(HARDWARE_CLOCK);
  if (time === undefined) {
    const seconds = attempt(
      "failed to set system time from the hardware clock",
      () => readHardwareClock(libc, device),
    );
    setTime(host, seconds * NANOSECONDS_PER_SECOND);
    return {};
  }
  if (time < 0n || time >= LATEST_TIME) throw new QapiError("Invalid time");
  setTime(host, time);
  attempt(
    "the system time has been set, but failed to set hardware clock to system time",
    () => setHardwareClock(libc, device, readSystemClock(libc) / NANOSECONDS_PER_SECOND),
  );
  return {};
});

/** QAPI guest-get-timezone. */
export const guestGetTimezone = defineCommand({
  name: "guest-get-timezone",
  summary: "The host's time zone and its offset from UTC in seconds; Talos is at UTC.",
  since: "2.10",
  arguments: {},
  reply: "value",
  family: "information",
}, (_values, { host }: CommandContext) => {
  const { zone, offset } = readTimeZone(host);
  return { zone, offset };
});

function setTime({ libc }: Host, time: bigint): void {
  try {
    setSystemClock(libc, time);
  } catch (error) {
    if (!(error instanceof LibcError)) throw error;
    const reason = libc.explain(error.errno);
    throw new QapiError(`Failed to set time to guest: ${reason}`, "GenericError", { cause: error });
  }
}

/** Runs what calls the kernel; its refusal becomes an error that begins with `failure`. */
function attempt<T>(failure: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof LibcError)) throw error;
    throw new QapiError(`${failure}: ${error.message}`, "GenericError", { cause: error });
  }
}
