import type { KernelFiles } from "../linux/kernel_files.ts";

/** A state of `/sys/power/state`: suspend to disk, or to memory. */
export type SleepState = "disk" | "mem";

/** Whether this kernel, on this machine, has the state. */
export function hasSleepState(files: KernelFiles, sysfs: string, state: SleepState): boolean {
  const states = files.readAttribute(`${sysfs}/power/state`) ?? "";
  return states.split(/\s+/).includes(state);
}

/** Whether there is swap (`/proc/swaps`), to which the kernel writes the memory when it hibernates. */
export function hasSwap(files: KernelFiles, procfs: string): boolean {
  const [_heading, ...areas] = (files.readAttribute(`${procfs}/swaps`) ?? "").split("\n");
  return areas.length > 0;
}

/**
 * Puts the machine to sleep, and returns when it has woken up.
 *
 * @throws LibcError when the kernel refuses
 */
export function enterSleepState(files: KernelFiles, sysfs: string, state: SleepState): void {
  files.writeText(`${sysfs}/power/state`, state);
}
