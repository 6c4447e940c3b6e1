import type { Host } from "../host.ts";
import { exactInteger } from "../../linux/exact_integer.ts";

/** Counters of requests of one kind. Sectors are of 512 bytes, ticks milliseconds. */
export interface RequestCounters {
  readonly ios: number | bigint;
  readonly merges: number | bigint;
  readonly sectors: number | bigint;
  readonly ticks: number | bigint;
}

/** The counters of a block device. */
export interface DiskStatistics {
  readonly name: string;
  readonly major: number;
  readonly minor: number;
  readonly read: RequestCounters;
  readonly write: RequestCounters;
  /** Requests that are under way now. */
  readonly inProgress: number | bigint;
  /** Milliseconds in which there was a request. */
  readonly totalTicks: number | bigint;
  /** As `totalTicks`, times the requests there were. */
  readonly weightTicks: number | bigint;
  readonly discard: RequestCounters;
  readonly flushIos: number | bigint;
  readonly flushTicks: number | bigint;
}

/**
 * The counters of `/proc/diskstats` (Documentation/admin-guide/iostats.rst), which has 17 since Linux 5.5.
 * Lines of another shape are passed over.
 *
 * @throws LibcError when it cannot be read
 */
export function readDiskStatistics(host: Host): DiskStatistics[] {
  return parseDiskStatistics(host.files.readText(host.procPath("diskstats")));
}

/** Reads the text of `/proc/diskstats`. */
export function parseDiskStatistics(text: string): DiskStatistics[] {
  const result: DiskStatistics[] = [];
  for (const line of text.split("\n")) {
    const match = /^\s*(\d+)\s+(\d+)\s+(\S+)((?:\s+\d+){17,})\s*$/.exec(line);
    if (match === null) continue;
    const [, major, minor, name = "", columns = ""] = match;
    const counters = columns.trim().split(/\s+/).map(exactInteger);
    const at = (index: number): number | bigint => counters[index] ?? 0;
    const requests = (first: number): RequestCounters => ({
      ios: at(first),
      merges: at(first + 1),
      sectors: at(first + 2),
      ticks: at(first + 3),
    });
    result.push({
      name,
      major: Number(major),
      minor: Number(minor),
      read: requests(0),
      write: requests(4),
      inProgress: at(8),
      totalTicks: at(9),
      weightTicks: at(10),
      discard: requests(11),
      flushIos: at(15),
      flushTicks: at(16),
    });
  }
  return result;
}
