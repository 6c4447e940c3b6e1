import { runCommand, succeeded } from "../harness/command.ts";
import { MACHINE_PATCHES } from "./machine_patches.ts";
import { findTalosProgram } from "./talos_files.ts";
import { KUBERNETES_VERSION } from "./talos_version.ts";

/** The node's address in QEMU's network. */
export const NODE_ADDRESS = "10.0.2.15";

/**
 * Writes the machine configuration of a control plane node as `controlplane.yaml`, and `talosconfig`, by
 * talosctl, into a directory.
 *
 * @throws Error when talosctl is missing or refuses it
 */
export async function writeMachineConfiguration(directory: string): Promise<void> {
  const program = await findTalosProgram("talosctl");
  const patch = `${directory}/patch.yaml`;
  await Deno.writeTextFile(
    patch,
    // JSON is YAML.
    MACHINE_PATCHES.map((patch) => JSON.stringify(patch)).join("\n---\n"),
  );
  const args = [
    ...["gen", "config", "talos", `https://${NODE_ADDRESS}:6443`, "--install-disk", "/dev/vda"],
    ...["--kubernetes-version", KUBERNETES_VERSION, "--with-docs=false", "--with-examples=false"],
    ...["--config-patch-control-plane", `@${patch}`, "--output", directory, "--force"],
    ...["--additional-sans", "127.0.0.1"],
  ];
  succeeded("talosctl gen config", await runCommand(program, args, { env: { HOME: directory } }));
}
