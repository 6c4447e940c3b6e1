import { array, optional, string } from "../protocol/argument_type.ts";
import { defineCommand } from "../protocol/command.ts";
import type { CommandContext } from "./context.ts";

/** QAPI guest-fsfreeze-status. */
export const guestFsfreezeStatus = defineCommand({
  name: "guest-fsfreeze-status",
  summary: "Whether the agent has frozen file systems; a freeze by others is not seen.",
  since: "0.15",
  arguments: {},
  reply: "value",
  family: "freeze",
  readsOnly: true,
  whileFrozen: "always",
}, (_values, { freezer }: CommandContext) => freezer.state === "thawed" ? "thawed" : "frozen");

/** QAPI guest-fsfreeze-freeze. */
export const guestFsfreezeFreeze = defineCommand({
  name: "guest-fsfreeze-freeze",
  summary:
    "Freezes the node's file systems for a backup, /var last; --fsfreeze-timeout thaws them.",
  since: "0.15",
  arguments: {},
  reply: "value",
  family: "freeze",
  mayTakeLong: true,
  capability: "CAP_SYS_ADMIN",
}, async (_values, { freezer }: CommandContext) => BigInt(await freezer.freeze()));

/** QAPI guest-fsfreeze-freeze-list. */
export const guestFsfreezeFreezeList = defineCommand(
  {
    name: "guest-fsfreeze-freeze-list",
    summary: "Freezes those of the node's file systems that are mounted where the list says.",
    since: "2.2",
    arguments: { mountpoints: optional(array(string())) },
    reply: "value",
    family: "freeze",
    mayTakeLong: true,
    capability: "CAP_SYS_ADMIN",
  },
  async ({ mountpoints }, { freezer }: CommandContext) => BigInt(await freezer.freeze(mountpoints)),
);

/** QAPI guest-fsfreeze-thaw. */
export const guestFsfreezeThaw = defineCommand({
  name: "guest-fsfreeze-thaw",
  summary: "Thaws what the agent has frozen, /var first.",
  since: "0.15",
  arguments: {},
  reply: "value",
  family: "freeze",
  mayTakeLong: true,
  capability: "CAP_SYS_ADMIN",
  whileFrozen: "always",
}, async (_values, { freezer }: CommandContext) => BigInt(await freezer.thaw("command")));
