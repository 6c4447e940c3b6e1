import { run } from "../harness/command.ts";
import { findProgram } from "../harness/qemu/programs.ts";
import type { Registry } from "./registry.ts";
import { TALOS_VERSION } from "./talos_version.ts";

/** What the image of an upgrade is called. */
export const INSTALLER_IMAGE = `ghcr.io/siderolabs/installer:${TALOS_VERSION}`;

/**
 * Takes an image into the registry with which Talos upgrades itself. It has nothing to install, for the machine boots
 * from outside of its disk: its program says that it was done.
 *
 * @param directory for the tree of the image; it exists
 * @throws {Error} if busybox is missing
 */
export async function addInstaller(registry: Registry, directory: string): Promise<void> {
  const tree = `${directory}/installer`;
  await run("install", "-D", "-m", "755", await findProgram("busybox"), `${tree}/bin/busybox`);
  await Deno.writeTextFile(`${tree}/bin/installer`, "#!/bin/busybox true\n", { mode: 0o755 });
  await registry.add({ name: "installer", tree });
}
