import { integer, optional } from "../protocol/argument_type.ts";
import { defineCommand } from "../protocol/command.ts";
import type { CommandContext } from "./context.ts";

/** QAPI guest-fstrim. */
export const guestFstrim = defineCommand({
  name: "guest-fstrim",
  summary: "Gives the blocks that the node's file systems do not use back to the storage.",
  since: "1.2",
  arguments: { minimum: optional(integer()) },
  reply: "value",
  family: "trim",
  mayTakeLong: true,
  capability: "CAP_SYS_ADMIN",
}, async ({ minimum = 0n }, { trim }: CommandContext) => {
  const results = await trim(BigInt.asUintN(64, minimum));
  return {
    paths: results.map(({ mountPoint, outcome }) => ({ path: mountPoint, ...outcome })),
  };
});
