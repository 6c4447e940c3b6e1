import type { Log } from "../telemetry/log.ts";

/** The signals that end the agent. */
const STOP_SIGNALS = ["SIGTERM", "SIGINT"] as const satisfies readonly Deno.Signal[];

/** What signals make the agent do. */
export interface SignalActions {
  /** Ends the agent, and thaws before. */
  readonly stop: () => Promise<void>;
}

/**
 * Has the event loop do what a signal asks for, so that what is under way goes on.
 */
export function onSignals(log: Log, { stop }: SignalActions): Disposable {
  const stopBy = (signal: Deno.Signal) => async (): Promise<void> => {
    log.info("stopping", { signal });
    await stop();
  };
  const listeners = new Map<Deno.Signal, () => void>(
    STOP_SIGNALS.map((signal) => [signal, stopBy(signal)]),
  );
  // A log file that has grown to the limit is an error of write(2) then, like a full disk.
  listeners.set("SIGXFSZ", () => {});
  for (const [signal, listener] of listeners) Deno.addSignalListener(signal, listener);
  return {
    [Symbol.dispose]: () => {
      for (const [signal, listener] of listeners) Deno.removeSignalListener(signal, listener);
    },
  };
}
