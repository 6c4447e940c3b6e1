import type { KernelFiles } from "./kernel_files.ts";

/** What the kernel reports about a process; times in seconds, sizes in bytes. */
export interface ProcessStatistics {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  /** Seconds since the epoch. */
  readonly startTime: number;
  readonly openFiles: number;
  /** Infinity when there is no limit. */
  readonly openFilesLimit: number;
}

/** USER_HZ, the unit of times in /proc, on all processors that Deno knows. */
const TICKS_PER_SECOND = 100;

/**
 * Reads /proc/self, /proc/self/fd and /proc/stat of a proc file system (proc(5)).
 *
 * @param procfs the process's own, not the host's
 * @throws LibcError when they cannot be read
 */
export function processStatistics(files: KernelFiles, procfs = "/proc"): ProcessStatistics {
  const self = `${procfs}/self`;
  const stat = files.readText(`${self}/stat`);
  // The program's name, in parentheses, may have spaces and parentheses itself.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const field = (number: number): number => Number(fields[number - 3]);
  const status = files.readText(`${self}/status`);
  const kibibytes = (name: string): number => numberAfter(status, `${name}:`) * 1024;
  const bootTime = numberAfter(files.readText(`${procfs}/stat`), "btime");
  return {
    cpuSeconds: (field(14) + field(15)) / TICKS_PER_SECOND,
    residentBytes: kibibytes("VmRSS"),
    startTime: bootTime + field(22) / TICKS_PER_SECOND,
    // Without the one that reads the directory.
    openFiles: files.list(`${self}/fd`).length - 1,
    openFilesLimit: openFilesLimit(files.readText(`${self}/limits`)),
  };
}

function numberAfter(text: string, name: string): number {
  return Number(new RegExp(`^${name}\\s+(\\d+)`, "m").exec(text)?.[1]);
}

function openFilesLimit(limits: string): number {
  const soft = /^Max open files\s+(\S+)/m.exec(limits)?.[1];
  return soft === "unlimited" ? Infinity : Number(soft);
}
