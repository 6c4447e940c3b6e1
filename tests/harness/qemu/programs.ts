import { PROJECT } from "../project.ts";
/**
 * Where a program of this machine is, by PATH. `part` is what scripts/bootstrap calls it.
 *
 * @throws {Error} if it is not installed; says how to get it.
 */
export async function findProgram(name: string, part = "vm"): Promise<string> {
  for (const directory of (Deno.env.get("PATH") ?? "").split(":")) {
    const path = `${directory}/${name}`;
    if (directory !== "" && await isFile(path)) return path;
  }
  throw new Error(`no ${name} on PATH: run scripts/bootstrap ${part}`);
}

/**
 * Debian's own guest agent, the peer with which ours is compared.
 *
 * @throws {Error} if it was not fetched; says how to get it.
 */
export async function stockAgent(): Promise<string> {
  const path = `${PROJECT}/.tools/qemu-ga/usr/sbin/qemu-ga`;
  if (await isFile(path)) return path;
  throw new Error(`no ${path}: run scripts/bootstrap qemu-ga`);
}

/** Whether there is a file, or a link to one, by that name. */
export async function isFile(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return false;
    }
    throw error;
  }
}
