import { PROJECT } from "../harness/project.ts";
import { findKernel, type Kernel } from "../harness/qemu/kernel.ts";
import { findProgram } from "../harness/qemu/programs.ts";
import { TALOS_VERSION, WHICH_TALOS } from "./talos_version.ts";

/** Where scripts/bootstrap put the files that Talos' own image has beside programs. */
export const TALOS_FILES = `${PROJECT}/.tools/talos-${TALOS_VERSION}`;

/**
 * One of Talos' own programs, of that version.
 *
 * @throws {Error} if there is none; says how to get it.
 */
export async function findTalosProgram(
  name: "machined" | "talos-init" | "talosctl",
): Promise<string> {
  if (WHICH_TALOS !== "usual") return `${TALOS_FILES}/bin/${name}`;
  const own = name === "talosctl" ? Deno.env.get("TALOSCTL") : undefined;
  return own ?? await findProgram(name, "talos");
}

/**
 * The kernel for it.
 *
 * @throws {Error} if there is none; says how to get it.
 */
export async function findTalosKernel(): Promise<Kernel> {
  return await findKernel({ kernelDirectory: `${PROJECT}/.tools/kernel-talos`, part: "talos" });
}
