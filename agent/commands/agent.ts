import { defineCommand } from "../protocol/command.ts";
import type { CommandContext } from "./context.ts";

/** QAPI guest-ping. */
export const guestPing = defineCommand({
  name: "guest-ping",
  summary: "Answers, which shows that the agent is alive.",
  since: "0.15",
  arguments: {},
  reply: "value",
  family: "agent",
  whileFrozen: "always",
}, () => ({}));

/** QAPI guest-info. */
export const guestInfo = defineCommand({
  name: "guest-info",
  summary: "The agent's version, which commands it has and would run, and why not the others.",
  since: "0.15",
  arguments: {},
  reply: "value",
  family: "agent",
  whileFrozen: "always",
}, (_values, { version, commandStates }: CommandContext) => ({
  version,
  supported_commands: commandStates().map(({ name, disabledReason, successResponse }) => ({
    name,
    enabled: disabledReason === undefined,
    "success-response": successResponse,
    "disabled-reason": disabledReason,
  })),
}));
