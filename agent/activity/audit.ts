import type { Activity, Publish } from "./activity.ts";
import type { Log } from "../log/log.ts";

/** In characters; an error can repeat a name that a client has sent. */
const LONGEST_REASON = 1_000;

/**
 * Makes audit lines (`audit: true`) of what acts on the machine: each such command with its outcome,
 * and each thaw and each forced shutdown that no command asked for. Other requests are details for whoever looks for a fault.
 *
 * Neither has a command's arguments in it, nor an error that could repeat them, where they can be
 * secrets: passwords, keys, and what files and programs are given.
 *
 * @param audit where audit lines go, which no level and no limit must keep out
 * @param log where the details go
 */
export function auditor(audit: Log, log: Log): Publish {
  return (activity: Activity): void => {
    if (activity.kind === "request") {
      const { command, outcome, seconds, client } = activity;
      if (activity.isAudited) {
        audit.info("audit", {
          audit: true,
          action: command,
          outcome,
          seconds: rounded(seconds),
          client,
          error: reasonOf(activity),
        });
      } else {
        log.debug("request done", { command, outcome, seconds: rounded(seconds), client });
      }
    } else if (activity.kind === "thaw" && activity.reason !== "command") {
      const { reason, count, frozenSeconds } = activity;
      audit.info("audit", {
        audit: true,
        action: "thaw",
        outcome: "success",
        seconds: rounded(frozenSeconds),
        reason,
        count,
      });
    } else if (activity.kind === "power" && !activity.requested) {
      const { action, outcome, seconds, error } = activity;
      audit.info("audit", {
        audit: true,
        action,
        outcome: outcome === "accepted" ? "success" : "error",
        seconds: rounded(seconds),
        reason: "drain-timeout",
        error: error?.slice(0, LONGEST_REASON),
      });
    } else if (activity.kind === "thaw-failed" && activity.reason !== "command") {
      const { reason, error } = activity;
      audit.info("audit", { audit: true, action: "thaw", outcome: "error", reason, error });
    }
  };
}

/** Why a command failed, where its arguments are not secrets. */
function reasonOf(
  { family, error }: Extract<Activity, { kind: "request" }>,
): string | undefined {
  const tells = family === "power" || family === "freeze" || family === "trim";
  return tells ? error?.slice(0, LONGEST_REASON) : undefined;
}

/** To microseconds. */
function rounded(seconds: number): number {
  return Math.round(seconds * 1e6) / 1e6;
}
