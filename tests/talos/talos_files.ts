import { PROJECT } from "../harness/project.ts";
import { findKernel, type Kernel } from "../harness/qemu/kernel.ts";
import { findProgram } from "../harness/qemu/programs.ts";

const VERSIONS = await Deno.readTextFile(`${PROJECT}/scripts/versions`);

/** Whether it is the newer of the two versions that are tried: with TALOS=newer in the environment. */
export const IS_NEWER_TALOS = Deno.env.get("TALOS") === "newer";

/** The version of Talos that is booted, such as `v1.13.9`. */
export const TALOS_VERSION = pinned(IS_NEWER_TALOS ? "NEWER_TALOS_VERSION" : "TALOS_VERSION");

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
  if (IS_NEWER_TALOS) return `${TALOS_FILES}/bin/${name}`;
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

function pinned(variable: string): string {
  return new RegExp(`^${variable}=(.*)$`, "m").exec(VERSIONS)?.[1] ?? "";
}
