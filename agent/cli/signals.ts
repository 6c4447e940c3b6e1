import type { Log } from "../telemetry/log.ts";

/**
 * The signals that end a process unless it takes care of them, without those by which the kernel tells
 * of a fault in the program. Deno cannot listen to real-time signals.
 */
const STOP_SIGNALS = [
  "SIGTERM",
  "SIGINT",
  "SIGQUIT",
  "SIGUSR1",
  "SIGUSR2",
  "SIGALRM",
  "SIGVTALRM",
  "SIGPROF",
  "SIGIO",
  "SIGPWR",
  "SIGSTKFLT",
  "SIGXCPU",
] as const satisfies readonly Deno.Signal[];

/** What signals make the agent do. */
export interface SignalActions {
  /** Ends the agent, and thaws before. */
  readonly stop: () => Promise<void>;
  /** Opens the log file anew; undefined when there is none. */
  readonly reopenLog: (() => void) | undefined;
}

/**
 * Has the event loop do what a signal asks for, so that what is under way goes on. No signal ends the
 * process at once, which would leave file systems frozen: whichever it is, the agent thaws and stops.
 * SIGHUP reopens the log file where there is one.
 */
export function onSignals(log: Log, { stop, reopenLog }: SignalActions): Disposable {
  const stopBy = (signal: Deno.Signal) => async (): Promise<void> => {
    log.info("stopping", { signal });
    await stop();
  };
  const listeners = new Map<Deno.Signal, () => void>(
    STOP_SIGNALS.map((signal) => [signal, stopBy(signal)]),
  );
  listeners.set("SIGHUP", reopenLog ?? stopBy("SIGHUP"));
  // A log file that has grown to the limit is an error of write(2) then, like a full disk.
  listeners.set("SIGXFSZ", () => {});
  for (const [signal, listener] of listeners) Deno.addSignalListener(signal, listener);
  return {
    [Symbol.dispose]: () => {
      for (const [signal, listener] of listeners) Deno.removeSignalListener(signal, listener);
    },
  };
}
