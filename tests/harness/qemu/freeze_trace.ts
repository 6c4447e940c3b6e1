import type { Architecture } from "./architecture.ts";
import type { Guest } from "./guest.ts";

/** A call of the kernel's `freeze_super` or `thaw_super`, whoever made it. */
export interface FreezeCall {
  readonly kind: "freeze" | "thaw";
  /** The file system's device, such as `254:16`. */
  readonly device: string;
  /** The thread that called. */
  readonly thread: number;
  /** When it began, in seconds since the guest's boot. */
  readonly began: number;
  /** When it returned; undefined when it has not. */
  readonly ended: number | undefined;
  /** 0 or a negative errno; undefined when it has not returned. */
  readonly result: number | undefined;
}

/** A signal sent to a process. */
export interface SentSignal {
  readonly signal: number;
  readonly process: number;
  /** When, in seconds since the guest's boot. */
  readonly time: number;
}

/** What the kernel saw, in its order. */
export interface FreezeTraceRecord {
  readonly calls: readonly FreezeCall[];
  readonly signals: readonly SentSignal[];
}

const DIRECTORY = "/sys/kernel/tracing";
/** Lines that were read from the pipe; the kernel gives them only once. */
const TAKEN = "/run/freeze-trace";

/** What is watched. The device number is the second member of struct super_block, after a list head. */
function probes({ firstArgument }: Architecture): string[] {
  return [
    `p:freeze freeze_super dev=+16(${firstArgument}):x32`,
    "r:freeze_end freeze_super ret=$retval:s32",
    `p:thaw thaw_super dev=+16(${firstArgument}):x32`,
    "r:thaw_end thaw_super ret=$retval:s32",
  ];
}

/** Watches in the guest's kernel which file systems are frozen and thawed, with its own time stamps. */
export class FreezeTrace {
  readonly #guest: Guest;

  private constructor(guest: Guest) {
    this.#guest = guest;
  }

  /** Starts to watch. */
  static async start(guest: Guest): Promise<FreezeTrace> {
    const { status, stderr } = await guest.run([
      `set -e; mount -t tracefs tracefs ${DIRECTORY}; cd ${DIRECTORY}`,
      ...probes(guest.architecture).map((probe) => `echo '${probe}' >>kprobe_events`),
      "echo 'sig == 15' >events/signal/signal_generate/filter",
      "echo 1 >events/signal/signal_generate/enable; echo 1 >events/kprobes/enable",
    ].join("; "));
    if (status !== 0) throw new Error(`the guest's kernel cannot be traced: ${stderr}`);
    return new FreezeTrace(guest);
  }

  /** Forgets what was seen until now. */
  async clear(): Promise<void> {
    await this.#guest.run(`echo >${DIRECTORY}/trace; rm -f ${TAKEN}`);
  }

  /** What was seen since the last `clear`. */
  async read(): Promise<FreezeTraceRecord> {
    return parseFreezeTrace((await this.#guest.run(`cat ${TAKEN} ${DIRECTORY}/trace`)).stdout);
  }

  /**
   * The guest's shell command that waits until so many calls have begun or ended since the last
   * `clear`.
   */
  static waitCommand(count: number): string {
    return `while [ $(grep -cE ': (freeze|thaw)' ${DIRECTORY}/trace) -lt ${count} ]; do :; done`;
  }

  /**
   * The same at once and without load, after which `waitCommand` cannot be used until `clear`. It
   * gives up after 20 seconds.
   */
  static takeCommand(count: number): string {
    return `timeout 20 head -n ${count} ${DIRECTORY}/trace_pipe >${TAKEN}`;
  }
}

/** The devices that were frozen, or thawed, in this order: the calls that failed are left out. */
export function succeededOn(
  calls: readonly FreezeCall[],
  kind: FreezeCall["kind"],
): string[] {
  return calls.filter((call) => call.kind === kind && call.result === 0)
    .map(({ device }) => device);
}

/** Reads the text of the kernel's trace file. */
export function parseFreezeTrace(text: string): FreezeTraceRecord {
  const calls: FreezeCall[] = [];
  const signals: SentSignal[] = [];
  const lines = text.matchAll(/-(\d+) +\[\d+\] \S+ +([\d.]+): (\w+): (.*)$/gm);
  for (const [, threadText, timeText, event = "", details = ""] of lines) {
    const thread = Number(threadText);
    const time = Number(timeText);
    if (event === "signal_generate") {
      signals.push({ signal: field(details, "sig"), process: field(details, "pid"), time });
    } else if (event === "freeze" || event === "thaw") {
      const device = deviceName(field(details, "dev"));
      calls.push({ kind: event, device, thread, began: time, ended: undefined, result: undefined });
    } else {
      const index = calls.findLastIndex((call) =>
        call.thread === thread && call.ended === undefined
      );
      const call = calls[index];
      if (call !== undefined) {
        calls[index] = { ...call, ended: time, result: field(details, "ret") };
      }
    }
  }
  return { calls, signals };
}

function field(details: string, name: string): number {
  return Number(new RegExp(`\\b${name}=(\\S+)`).exec(details)?.[1]);
}

/** The kernel's own number has 20 bits for the minor. */
function deviceName(device: number): string {
  return `${device >> 20}:${device & 0xf_ffff}`;
}
