import type { Host } from "./host.ts";

/** A state of `/sys/power/state`: suspend to disk, or to memory. */
export type SleepState = "disk" | "mem";

const STATE = "power/state";

/** Whether this kernel, on this machine, has the state. */
export function hasSleepState(host: Host, state: SleepState): boolean {
  const states = host.files.readAttribute(host.sysPath(STATE)) ?? "";
  return states.split(/\s+/).includes(state);
}

/** Whether there is swap (`/proc/swaps`), to which the kernel writes the memory when it hibernates. */
export function hasSwap(host: Host): boolean {
  const [_heading, ...areas] = (host.files.readAttribute(host.procPath("swaps")) ?? "").split("\n");
  return areas.length > 0;
}

/**
 * Puts the machine to sleep, and returns when it has woken up.
 *
 * @throws LibcError when the kernel refuses
 */
export function enterSleepState(host: Host, state: SleepState): void {
  host.files.writeText(host.sysPath(STATE), state);
}
