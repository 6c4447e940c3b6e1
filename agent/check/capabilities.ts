import type { ArgumentDeclarations } from "../protocol/argument_type.ts";
import type { CommandDeclaration } from "../protocol/command.ts";
import { type CheckLine, failed, ok, warning } from "./check_line.ts";

/** Bits of `CapEff` in /proc/PID/status, from linux/capability.h. */
const CAPABILITY_BITS: Readonly<Record<string, bigint>> = {
  CAP_SYS_ADMIN: 21n,
  CAP_SYS_TIME: 25n,
};

/** Without it nothing can be frozen, which is what many run an agent for. */
const ESSENTIAL = "CAP_SYS_ADMIN";

/**
 * The user and the capabilities of this process, which are those of the agent where both are in one
 * container.
 *
 * @param status the text of /proc/self/status (proc_pid_status(5))
 * @param commands those that may run
 */
export function checkCapabilities(
  status: string,
  commands: readonly CommandDeclaration<ArgumentDeclarations>[],
): CheckLine[] {
  const uid = /^Uid:\s+\d+\s+(\d+)/m.exec(status)?.[1];
  const effective = BigInt(`0x${/^CapEff:\s+([0-9a-f]+)$/m.exec(status)?.[1] ?? "0"}`);
  const user = uid === "0"
    ? ok("user", "root")
    : warning("user", `user ${uid}, to whom the host's devices and files are closed`, AS_ROOT);
  const lines = Object.entries(CAPABILITY_BITS).map(([capability, bit]) => {
    if ((effective >> bit & 1n) === 1n) return ok(capability, "the process has it");
    const needing = commands.filter((command) => command.capability === capability)
      .map(({ name }) => name);
    if (needing.length === 0) return ok(capability, "not there; no command that may run needs it");
    const fact = `not there: ${needing.join(", ")} will fail`;
    return capability === ESSENTIAL
      ? failed(capability, fact, GRANT)
      : warning(capability, fact, GRANT);
  });
  return [user, ...lines];
}

const AS_ROOT = "run the agent as root (runAsUser: 0)";
const GRANT = "add it to the container's securityContext.capabilities, or run it privileged";
