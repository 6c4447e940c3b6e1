import { PROJECT } from "../harness/project.ts";

/** Which modules of the agent import which, types included; paths below `agent/`. */
export type Imports = ReadonlyMap<string, readonly string[]>;

interface Dependency {
  readonly code?: { readonly specifier: string };
  readonly type?: { readonly specifier: string };
}

interface ModuleGraph {
  readonly modules: readonly {
    readonly specifier: string;
    readonly dependencies?: readonly Dependency[];
  }[];
}

/**
 * The imports of the program and of all that it loads later.
 *
 * @throws Error when Deno cannot read it
 */
export async function readImports(): Promise<Imports> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", `${PROJECT}/agent/main.ts`],
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as ModuleGraph;
  const prefix = `file://${PROJECT}/agent/`;
  return new Map(
    modules.filter(({ specifier }) => specifier.startsWith(prefix)).map((module) => [
      module.specifier.slice(prefix.length),
      (module.dependencies ?? [])
        .flatMap(({ code, type }) => [code?.specifier ?? "", type?.specifier ?? ""])
        .filter((specifier) => specifier.startsWith(prefix))
        .map((specifier) => specifier.slice(prefix.length)),
    ]),
  );
}

/** The modules, or rooms, of the first circle that is found; undefined when there is none. */
export function findCircle(imports: Imports): readonly string[] | undefined {
  const done = new Set<string>();
  const search = (name: string, path: readonly string[]): readonly string[] | undefined => {
    if (path.includes(name)) return [...path.slice(path.indexOf(name)), name];
    if (done.has(name)) return undefined;
    for (const imported of imports.get(name) ?? []) {
      const circle = search(imported, [...path, name]);
      if (circle !== undefined) return circle;
    }
    done.add(name);
    return undefined;
  };
  for (const name of imports.keys()) {
    const circle = search(name, []);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

/** The room of a module: its folder below `agent/`; undefined for those that belong to none. */
export function roomOf(module: string): string | undefined {
  return module.includes("/") ? module.slice(0, module.indexOf("/")) : undefined;
}
