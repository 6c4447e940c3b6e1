import { exactInteger } from "../../linux/exact_integer.ts";

/** Counters of requests of one kind. Sectors are of 512 bytes, ticks milliseconds. */
export interface RequestCounters {
  readonly ios: number | bigint;
  readonly merges: number | bigint | undefined;
  readonly sectors: number | bigint;
  readonly ticks: number | bigint | undefined;
}

/** The counters of a block device; those that the kernel does not have are undefined. */
export interface DiskStatistics {
  readonly name: string;
  readonly major: number;
  readonly minor: number;
  readonly read: RequestCounters | undefined;
  readonly write: RequestCounters | undefined;
  /** Requests that are under way now. */
  readonly inProgress: number | bigint | undefined;
  /** Milliseconds in which there was a request. */
  readonly totalTicks: number | bigint | undefined;
  /** As `totalTicks`, times the requests there were. */
  readonly weightTicks: number | bigint | undefined;
  readonly discard: RequestCounters | undefined;
  readonly flushIos: number | bigint | undefined;
  readonly flushTicks: number | bigint | undefined;
}

/**
 * Reads `/proc/diskstats` (Documentation/admin-guide/iostats.rst): 20 columns since Linux 5.5, 18
 * since 4.18, 14 before, 7 for partitions before 2.6.25. Lines of another shape are passed over.
 */
export function parseDiskStatistics(text: string): DiskStatistics[] {
  const result: DiskStatistics[] = [];
  for (const line of text.split("\n")) {
    const match = /^\s*(\d+)\s+(\d+)\s+(\S+)((?:\s+\d+){4,})\s*$/.exec(line);
    if (match === null) continue;
    const [, major, minor, name = "", columns = ""] = match;
    const counters = columns.trim().split(/\s+/).map(exactInteger);
    result.push({ name, major: Number(major), minor: Number(minor), ...sortOut(counters) });
  }
  return result;
}

type Counters = Omit<DiskStatistics, "name" | "major" | "minor">;

const NO_COUNTERS: Counters = {
  read: undefined,
  write: undefined,
  inProgress: undefined,
  totalTicks: undefined,
  weightTicks: undefined,
  discard: undefined,
  flushIos: undefined,
  flushTicks: undefined,
};

/** Gives the columns behind the name their meaning. */
function sortOut(counters: readonly (number | bigint)[]): Counters {
  const at = (index: number): number | bigint => counters[index] ?? 0;
  const requests = (first: number): RequestCounters => ({
    ios: at(first),
    merges: at(first + 1),
    sectors: at(first + 2),
    ticks: at(first + 3),
  });
  const partition = (first: number): RequestCounters => ({
    ios: at(first),
    merges: undefined,
    sectors: at(first + 1),
    ticks: undefined,
  });
  const { length } = counters;
  if (length === 4) return { ...NO_COUNTERS, read: partition(0), write: partition(2) };
  if (length < 11) return NO_COUNTERS;
  return {
    read: requests(0),
    write: requests(4),
    inProgress: at(8),
    totalTicks: at(9),
    weightTicks: at(10),
    discard: length >= 15 ? requests(11) : undefined,
    flushIos: length >= 17 ? at(15) : undefined,
    flushTicks: length >= 17 ? at(16) : undefined,
  };
}
