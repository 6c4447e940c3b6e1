import { messageOf } from "../fault.ts";
/** The argument of the hook: before a freeze, and after a thaw. */
export type HookAction = "freeze" | "thaw";

/** Runs the hook; `signal` ends a run that lasts. */
export type FsfreezeHook = (action: HookAction, signal?: AbortSignal) => Promise<void>;

/**
 * The program of `--fsfreeze-hook`, called with one argument, `freeze` or `thaw`. Its output is thrown
 * away: there may be nobody who takes it.
 *
 * @returns what runs it, and rejects in qemu-ga's words when it cannot be run or does not exit with 0
 */
export function fsfreezeHook(path: string): FsfreezeHook {
  return async (action, signal) => {
    const reason = await run(path, action, signal);
    if (reason === undefined) return;
    throw new Error(`child process has failed to execute fsfreeze hook: ${reason}`);
  };
}

/** Why the run failed; undefined when it did not. */
async function run(
  path: string,
  action: HookAction,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  let child: Deno.ChildProcess;
  try {
    const nowhere = { stdin: "null", stdout: "null", stderr: "null" } as const;
    child = new Deno.Command(path, { args: [action], ...nowhere, ...(signal && { signal }) })
      .spawn();
  } catch (error) {
    return messageOf(error);
  }
  const status = await child.status;
  if (status.success) return undefined;
  return status.signal === null ? `exit status ${status.code}` : `ended by ${status.signal}`;
}
