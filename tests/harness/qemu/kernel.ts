import { AMD64, type Architecture } from "./architecture.ts";

/** A kernel image with its modules, as a distribution's package has them. */
export interface Kernel {
  /** What QEMU boots. */
  readonly image: string;
  /** The directory of its modules, with `modules.order` in it. */
  readonly modules: string;
}

/** A kernel module, ready to be loaded. */
export interface KernelModule {
  /** Its name as `lsmod` says it, with underscores. */
  readonly name: string;
  /** The ELF object, uncompressed. */
  readonly object: Uint8Array;
}

/**
 * The kernel that scripts/bootstrap unpacked.
 *
 * @throws {Error} if there is none; says how to get it.
 */
export async function findKernel(
  { kernelDirectory: directory, part }: Pick<Architecture, "kernelDirectory" | "part"> = AMD64,
): Promise<Kernel> {
  const prefix = "vmlinuz-";
  try {
    for await (const { name } of Deno.readDir(`${directory}/boot`)) {
      if (!name.startsWith(prefix)) continue;
      const modules = `lib/modules/${name.slice(prefix.length)}`;
      for (const candidate of [`${directory}/${modules}`, `${directory}/usr/${modules}`]) {
        if (await exists(candidate)) {
          return { image: `${directory}/boot/${name}`, modules: candidate };
        }
      }
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  throw new Error(`no kernel with modules in ${directory}: run scripts/bootstrap ${part}`);
}

/**
 * Reads modules and all that they depend on, in an order in which they can be loaded one by one.
 * Modules that are built into the kernel are left out.
 *
 * @throws {Error} if the kernel has no such module.
 */
export async function readModules(
  kernel: Kernel,
  names: readonly string[],
): Promise<KernelModule[]> {
  const available = await modulePaths(kernel, "modules.order");
  const builtIn = await modulePaths(kernel, "modules.builtin");
  const read = new Map<string, KernelModule>();
  const add = async (name: string): Promise<void> => {
    if (read.has(name) || builtIn.has(name)) return;
    const path = available.get(name);
    if (path === undefined) {
      throw new Error(`the kernel in ${kernel.modules} has no module ${name}`);
    }
    const object = await readObject(`${kernel.modules}/${path}`);
    for (const dependency of dependencies(object)) await add(dependency);
    read.set(name, { name, object });
  };
  for (const name of names) await add(name);
  return [...read.values()];
}

/** Names of modules and their paths, from one of the kernel's lists. */
async function modulePaths(kernel: Kernel, list: string): Promise<Map<string, string>> {
  const paths = (await Deno.readTextFile(`${kernel.modules}/${list}`)).split("\n");
  return new Map(paths.map((path) => [moduleName(path), path]));
}

function moduleName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1).replace(/\.ko$/, "").replaceAll("-", "_");
}

/** The list names the plain object; distributions may have compressed the file. */
async function readObject(path: string): Promise<Uint8Array> {
  if (await exists(path)) return await Deno.readFile(path);
  const { success, stdout, stderr } = await new Deno.Command("xz", {
    args: ["--decompress", "--stdout", `${path}.xz`],
  }).output();
  if (!success) throw new Error(`cannot read ${path}.xz: ${new TextDecoder().decode(stderr)}`);
  return stdout;
}

/**
 * What a module says of itself in its `.modinfo` section. It is read there since a package has no
 * `modules.dep`: that is made by `depmod` when it is installed.
 */
function dependencies(object: Uint8Array): string[] {
  const text = new TextDecoder("latin1").decode(object);
  const list = /\0depends=([^\0]*)\0/.exec(text)?.[1] ?? "";
  return list === "" ? [] : list.split(",").map(moduleName);
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
