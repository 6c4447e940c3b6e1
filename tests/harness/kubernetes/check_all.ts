import { type CommandResult, runCommand } from "../command.ts";
import { PROJECT } from "../project.ts";
import type { ControlPlane } from "./control_plane.ts";

/**
 * Runs `scripts/check-all` as an administrator, however it ends.
 *
 * @param kubectl the directory of the kubectl that it finds
 */
export async function checkAll(
  controlPlane: ControlPlane,
  kubectl: string,
  args: readonly string[],
): Promise<CommandResult> {
  const env = { PATH: `${kubectl}:/usr/bin:/bin`, KUBECONFIG: controlPlane.kubeconfig };
  return await runCommand(`${PROJECT}/scripts/check-all`, args, { env });
}
