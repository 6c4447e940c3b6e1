import { defineCommand } from "../protocol/command.ts";
import type { CommandContext } from "./context.ts";

/** QAPI guest-get-time. */
export const guestGetTime = defineCommand({
  name: "guest-get-time",
  summary: "The system clock, in nanoseconds since the epoch.",
  since: "1.5",
  arguments: {},
  reply: "value",
  defaultPolicy: { enabled: true },
}, (_values, { host }: CommandContext) => host.time());

/** QAPI guest-get-timezone. */
export const guestGetTimezone = defineCommand({
  name: "guest-get-timezone",
  summary: "The host's time zone and its offset from UTC in seconds; Talos is at UTC.",
  since: "2.10",
  arguments: {},
  reply: "value",
  defaultPolicy: { enabled: true },
}, (_values, { host }: CommandContext) => {
  const { zone, offset } = host.timeZone();
  return { zone, offset };
});
