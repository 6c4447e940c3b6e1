import type { Host } from "./host.ts";

// USER_HZ, in which the kernel counts for programs, is 100 on x86-64 and arm64.
const MILLISECONDS_PER_TICK = 10n;

/** The times that a logical processor has spent since the start, in milliseconds (proc_stat(5)). */
export interface CpuStatistics {
  /** N of `cpuN`. */
  readonly cpu: bigint;
  readonly user: bigint;
  readonly nice: bigint;
  readonly system: bigint;
  readonly idle: bigint;
  // Newer columns, which a kernel may lack.
  readonly iowait: bigint | undefined;
  readonly irq: bigint | undefined;
  readonly softirq: bigint | undefined;
  readonly steal: bigint | undefined;
  readonly guest: bigint | undefined;
  readonly guestNice: bigint | undefined;
}

/**
 * The times of each logical processor that is online, from `/proc/stat`.
 *
 * @throws LibcError when it cannot be read
 */
export function readCpuStatistics(host: Host): CpuStatistics[] {
  return parseCpuStatistics(host.files.readText(host.procPath("stat")));
}

/** Reads `/proc/stat`: an entry for each logical processor online. Other lines are passed over. */
export function parseCpuStatistics(text: string): CpuStatistics[] {
  const result: CpuStatistics[] = [];
  for (const line of text.split("\n")) {
    const match = /^cpu(\d+)((?: +\d+)+) *$/.exec(line);
    if (match === null) continue;
    const [, cpu = "", columns = ""] = match;
    const times = columns.trim().split(/ +/).map((ticks) => BigInt(ticks) * MILLISECONDS_PER_TICK);
    const [user, nice, system, idle, iowait, irq, softirq, steal, guest, guestNice] = times;
    if (user === undefined || nice === undefined || system === undefined || idle === undefined) {
      continue;
    }
    result.push({
      cpu: BigInt(cpu),
      user,
      nice,
      system,
      idle,
      iowait,
      irq,
      softirq,
      steal,
      guest,
      guestNice,
    });
  }
  return result;
}
