import type { ThawReason } from "../activity/thaw_reason.ts";

/** What a log line says of a thaw. */
export const THAWED_BY: Readonly<Record<ThawReason, string>> = {
  command: "file systems thawed",
  timer: "file systems thawed: nobody did so within --fsfreeze-timeout",
  signal: "file systems thawed: the agent is stopping",
  shutdown: "file systems thawed: the machine shuts down",
  abort: "file systems thawed: the freeze did not succeed",
  start: "file systems thawed that the last process had left frozen",
  guard: "file systems thawed by the guard: the agent was killed, or had not done so in time",
  unguarded: "file systems thawed: the guard has ended",
};

/** Why a thaw that no client asked for was made, for the client whose freeze it ended. */
const WHY: Readonly<Record<Exclude<ThawReason, "command" | "abort">, string>> = {
  timer: "since no thaw had been asked for",
  signal: "since the agent was stopped",
  shutdown: "since a shutdown was asked for",
  start: "when the agent was started again, since it had been killed",
  guard: "by the guard, since the agent had been killed or was stuck",
  unguarded: "since the agent's guard had ended",
};

/** Why a thaw was made that ended a client's freeze too early; undefined when it did not. */
export function reasonOfLapse(reason: ThawReason): string | undefined {
  return reason === "command" || reason === "abort" ? undefined : WHY[reason];
}
