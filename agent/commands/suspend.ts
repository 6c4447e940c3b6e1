import { LibcError } from "../linux/libc.ts";
import { enterSleepState, hasSleepState, hasSwap, type SleepState } from "../host/sleep_states.ts";
import { type Command, defineCommand } from "../protocol/command.ts";
import { QapiError } from "../protocol/qapi_error.ts";
import type { CommandContext } from "./context.ts";

const NOT_SUPPORTED = "the requested suspend mode is not supported by the guest";

/** QAPI guest-suspend-disk. It answers on failure only. */
export const guestSuspendDisk = suspendCommand(
  "guest-suspend-disk",
  "Hibernates the node, where its kernel has disk in /sys/power/state.",
  "disk",
);

/** QAPI guest-suspend-ram. It answers on failure only. */
export const guestSuspendRam = suspendCommand(
  "guest-suspend-ram",
  "Suspends the node to memory, where its kernel has mem in /sys/power/state.",
  "mem",
);

/** QAPI guest-suspend-hybrid, for which Linux has no word of its own. */
export const guestSuspendHybrid = suspendCommand(
  "guest-suspend-hybrid",
  "Fails: the kernel alone cannot do it.",
  undefined,
);

function suspendCommand(
  name: string,
  summary: string,
  state: SleepState | undefined,
): Command<CommandContext> {
  return defineCommand(
    { name, summary, since: "1.1", arguments: {}, reply: "none", family: "power" },
    (_values, { host }: CommandContext) => {
      if (state === undefined || !hasSleepState(host, state)) {
        throw new QapiError(NOT_SUPPORTED);
      }
      // The kernel finds out when it has stopped the devices: the port drops the reply then, which
      // libvirt takes for success.
      if (state === "disk" && !hasSwap(host)) {
        throw new QapiError(`${NOT_SUPPORTED}: it has no swap to hibernate to`);
      }
      try {
        enterSleepState(host, state);
      } catch (error) {
        if (!(error instanceof LibcError)) throw error;
        const reason = host.libc.explain(error.errno);
        throw new QapiError(`failed to suspend: ${reason}`, "GenericError", { cause: error });
      }
      return {};
    },
  );
}
