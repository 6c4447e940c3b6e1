import { type CommandResult, runCommand } from "../command.ts";
import { PROJECT } from "../project.ts";
import type { ControlPlane } from "./control_plane.ts";

/** On an emulated node of a busy machine the executable alone takes a minute to start. */
const TIMEOUT_MS = 300_000;

/**
 * Runs `scripts/check-all` as an administrator, however it ends.
 *
 * @param kubectl the directory of the kubectl that it finds
 * @throws {Error} if it does not end within five minutes.
 */
export async function checkAll(
  controlPlane: ControlPlane,
  kubectl: string,
  args: readonly string[],
): Promise<CommandResult> {
  const env = { PATH: `${kubectl}:/usr/bin:/bin`, KUBECONFIG: controlPlane.kubeconfig };
  return await runCommand(`${PROJECT}/scripts/check-all`, args, { env, timeoutMs: TIMEOUT_MS });
}
