import type { Host } from "./host.ts";

/** The load averages of the last 1, 5 and 15 minutes. */
export interface LoadAverage {
  readonly oneMinute: number;
  readonly fiveMinutes: number;
  readonly fifteenMinutes: number;
}

/**
 * The load averages, from `/proc/loadavg`; undefined when it does not have its three numbers.
 *
 * @throws LibcError when it cannot be read
 */
export function readLoadAverage(host: Host): LoadAverage | undefined {
  return parseLoadAverage(host.files.readText(host.procPath("loadavg")));
}

/** Reads the text of `/proc/loadavg`. */
export function parseLoadAverage(text: string): LoadAverage | undefined {
  const match = /^(\d+\.\d+) (\d+\.\d+) (\d+\.\d+)\s/.exec(text);
  if (match === null) return undefined;
  const [, oneMinute, fiveMinutes, fifteenMinutes] = match;
  return {
    oneMinute: Number(oneMinute),
    fiveMinutes: Number(fiveMinutes),
    fifteenMinutes: Number(fifteenMinutes),
  };
}
