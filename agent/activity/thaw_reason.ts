/**
 * Why file systems were thawed:
 *
 * - `command`: a client has asked for it.
 * - `timer`: no client had within the time limit.
 * - `signal`: the agent was stopped.
 * - `shutdown`: a client has asked for a shutdown.
 * - `abort`: the freeze did not succeed.
 * - `start`: an agent that was killed had left them frozen, and the next one has thawed them.
 * - `guard`: the guard has, for an agent that was killed or had not thawed them in time.
 * - `unguarded`: the guard has ended, so nobody would have thawed them if the agent were killed.
 */
export const THAW_REASONS = [
  "command",
  "timer",
  "signal",
  "shutdown",
  "abort",
  "start",
  "guard",
  "unguarded",
] as const;

/** One of `THAW_REASONS`. */
export type ThawReason = typeof THAW_REASONS[number];
