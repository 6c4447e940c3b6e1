import { messageOf } from "../fault.ts";
import { optional, string } from "../protocol/argument_type.ts";
import { defineCommand } from "../protocol/command.ts";
import { QapiError } from "../protocol/qapi_error.ts";
import type { PowerAction } from "../talos/power.ts";
import type { CommandContext } from "./context.ts";

type ShutdownContext = Pick<CommandContext, "power" | "freezer">;

const ACTIONS: readonly PowerAction[] = ["halt", "powerdown", "reboot"];

/** QAPI guest-shutdown. It answers on failure only. */
export const guestShutdown = defineCommand({
  name: "guest-shutdown",
  summary:
    "Shuts the node down or reboots it through the Talos API; disabled without `--talosconfig` or " +
    "`--talos-socket`.",
  since: "0.15",
  arguments: { mode: optional(string()) },
  reply: "none",
  family: "power",
  callsTalos: true,
  mayTakeLong: true,
  whileFrozen: "as-allowed",
}, async ({ mode = "powerdown" }, { power, freezer }: ShutdownContext) => {
  const action = ACTIONS.find((candidate) => candidate === mode);
  if (action === undefined) {
    throw new QapiError(`mode is invalid (valid values are: ${ACTIONS.join("|")})`);
  }
  try {
    // Talos could not unmount what is frozen.
    await freezer.thaw("shutdown");
    await power.request(action);
  } catch (error) {
    const reason = messageOf(error);
    throw new QapiError(`guest-shutdown (${mode}) failed: ${reason}`, "GenericError", {
      cause: error,
    });
  }
  return {};
});
