import type { KernelFiles } from "../linux/kernel_files.ts";
import type { Log } from "../log/log.ts";

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
  /** Opens the log file again; undefined when there is none. */
  readonly reopenLog: (() => void) | undefined;
}

/**
 * Has the event loop do what a signal asks for, so that what is under way continues. No signal ends the
 * process at once, which would leave file systems frozen: whichever it is, the agent thaws and stops.
 * SIGHUP reopens the log file where there is one, and stays ignored where it was, as under nohup(1).
 *
 * It must be the first to listen to any signal: Deno handles SIGHUP from then on, and whether it was
 * ignored is forgotten.
 */
export function onSignals(
  log: Log,
  { stop, reopenLog }: SignalActions,
  files: KernelFiles,
): Disposable {
  const stopBy = (signal: Deno.Signal) => async (): Promise<void> => {
    log.info("stopping", { signal });
    await stop();
  };
  const listeners = new Map<Deno.Signal, () => void>(
    STOP_SIGNALS.map((signal) => [signal, stopBy(signal)]),
  );
  // Without a listener Deno would end the process, though SIGHUP is to be ignored.
  const isIgnored = ignoresHangup(files.readTextIfPresent("/proc/self/status"));
  listeners.set("SIGHUP", reopenLog ?? (isIgnored ? () => {} : stopBy("SIGHUP")));
  // A log file that has grown to the limit is an error of write(2) then, like a full disk. To the end:
  // without a listener Deno would end the process for its last line.
  Deno.addSignalListener("SIGXFSZ", () => {});
  for (const [signal, listener] of listeners) Deno.addSignalListener(signal, listener);
  return {
    [Symbol.dispose]: () => {
      for (const [signal, listener] of listeners) Deno.removeSignalListener(signal, listener);
    },
  };
}

/** Whether a process ignores SIGHUP, by its /proc/PID/status (proc_pid_status(5)); no when that is unknown. */
export function ignoresHangup(status: string | undefined): boolean {
  const [, mask = "0"] = /^SigIgn:\t([0-9a-f]+)$/m.exec(status ?? "") ?? [];
  // The bit of signal 1.
  return (BigInt(`0x${mask}`) & 1n) === 1n;
}
