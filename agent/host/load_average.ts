/** The load averages of the last 1, 5 and 15 minutes. */
export interface LoadAverage {
  readonly oneMinute: number;
  readonly fiveMinutes: number;
  readonly fifteenMinutes: number;
}

/** Reads `/proc/loadavg`; undefined when it does not have its three numbers. */
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
