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

/**
 * The shared libraries that a program loads, its ELF interpreter among them, each under the path by
 * which the dynamic linker looks for it. Empty for a static program.
 *
 * @throws {Error} if a library is not installed on this machine.
 */
export async function sharedLibraries(program: string): Promise<string[]> {
  // It fails on a static program, which it says on stderr and which is no error here.
  const { stdout } = await new Deno.Command("ldd", { args: [program], stderr: "null" }).output();
  const libraries: string[] = [];
  for (const line of new TextDecoder().decode(stdout).split("\n")) {
    if (line.includes("not found")) {
      throw new Error(`${program} lacks a shared library: ${line.trim()}`);
    }
    const path = /(\/\S+) \(0x/.exec(line)?.[1];
    if (path !== undefined) libraries.push(path);
  }
  return libraries;
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
