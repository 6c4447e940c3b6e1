import { PROJECT } from "../harness/project.ts";
import { findKernel, type Kernel } from "../harness/qemu/kernel.ts";

const VERSIONS = await Deno.readTextFile(`${PROJECT}/scripts/versions`);

/** The version of Talos that is booted, such as `v1.13.9`. */
export const TALOS_VERSION = /^TALOS_VERSION=(.*)$/m.exec(VERSIONS)?.[1] ?? "";

/** Where scripts/bootstrap put the files that Talos' own image has beside programs. */
export const TALOS_FILES = `${PROJECT}/.tools/talos-${TALOS_VERSION}`;

/**
 * The kernel for it.
 *
 * @throws {Error} if there is none; says how to get it.
 */
export async function findTalosKernel(): Promise<Kernel> {
  return await findKernel({ kernelDirectory: `${PROJECT}/.tools/kernel-talos`, part: "talos" });
}
