/** A step of a sequence in which Talos stops a node. */
export interface Phase {
  /** Its name, such as `cleanup`. */
  readonly name: string;
  /** How long it took, in seconds. */
  readonly seconds: number;
}

/**
 * Reads from Talos' console which phases of the shutdown or reboot sequence there were, in their order.
 * A phase that has not ended, since another sequence took over, is left out.
 */
export function readPhases(console: string): readonly Phase[] {
  const phases: Phase[] = [];
  for (const line of console.split("\n")) {
    const match = /phase (\S+) \(\d+\/\d+\): done, ([\d.]+(?:µs|ms|s)|\d+m[\d.]+s)/.exec(line);
    const [, name, duration] = match ?? [];
    if (name !== undefined && duration !== undefined) {
      phases.push({ name, seconds: toSeconds(duration) });
    }
  }
  return phases;
}

/** A duration as Go prints it. */
function toSeconds(duration: string): number {
  const minutes = /^(\d+)m([\d.]+)s$/.exec(duration);
  if (minutes !== null) return 60 * Number(minutes[1]) + Number(minutes[2]);
  const scale = duration.endsWith("µs") ? 1e-6 : duration.endsWith("ms") ? 1e-3 : 1;
  return Number.parseFloat(duration) * scale;
}

/** Those that took a second or more, such as `drain 2, cleanup 45`, in seconds. */
export function listLongPhases(console: string): string {
  return readPhases(console)
    .filter(({ seconds }) => seconds >= 1)
    .map(({ name, seconds }) => `${name} ${seconds.toFixed(0)}`)
    .join(", ");
}
