import { type CheckLine, failed, ok, warning } from "./check_line.ts";

const LARGEST_DIFFERENCE_S = 60;
const SET_CLOCK =
  "see why Talos has not set the clock (talosctl time), and look at the host's clock";

/** What the clock is compared with. */
export interface ClockReadings {
  /** The system clock. */
  readonly now: Date;
  /** Reads the hardware clock, in seconds since the epoch; throws when it cannot be read. */
  readonly readHardwareClock: () => bigint;
  /** From when the client certificate is valid: the clock of who made it; undefined without one. */
  readonly certificateNotBefore: Date | undefined;
}

/** Whether the system clock can be right. */
export function checkClock({ now, ...other }: ClockReadings): CheckLine {
  const name = "clock";
  const time = now.toISOString().replace(/\.\d+Z$/, "Z");
  const { certificateNotBefore } = other;
  if (certificateNotBefore !== undefined && now < certificateNotBefore) {
    const fact = `${time}, which is before the client certificate was made`;
    return failed(name, fact, SET_CLOCK);
  }
  let hardware: bigint;
  try {
    hardware = other.readHardwareClock();
  } catch {
    // Many a container and some machines have none to read, which is not a fault.
    return ok(name, `${time}; there is no hardware clock to compare it with`, "not compared");
  }
  const difference = Math.abs(Number(hardware) - Math.floor(now.getTime() / 1000));
  const fact = `${time}, ${difference} s from the hardware clock`;
  const brief = `${difference} s off`;
  return difference <= LARGEST_DIFFERENCE_S
    ? ok(name, fact, brief)
    : warning(name, fact, SET_CLOCK, brief);
}
