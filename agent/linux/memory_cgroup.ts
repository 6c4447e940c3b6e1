import type { KernelFiles } from "./kernel_files.ts";

/** Where this process's own trees are; a container has them whatever it has of the host's. */
export interface CgroupRoots {
  readonly procfs: string;
  readonly sysfs: string;
}

const OWN_ROOTS: CgroupRoots = { procfs: "/proc", sysfs: "/sys" };

/** Where each version has its tree, the second one beside version 1 in two layouts, and its file. */
const VERSION_1 = { trees: ["memory"], file: "memory.limit_in_bytes" };
const VERSION_2 = { trees: ["", "unified"], file: "memory.max" };

/**
 * The memory that this process may have, in bytes: the least limit of its cgroup and of those around it
 * (cgroups(7)). It reads /proc/self/cgroup, and of version 2 memory.max, of version 1
 * memory.limit_in_bytes. In a container the path in the first file may be one of the host's, of which
 * the container sees the end alone, as the root of its tree: what is not there is passed over.
 *
 * @returns undefined when there is no limit, or none to be seen
 * @throws LibcError when there are cgroups and the own one cannot be read
 */
export function readMemoryLimit(
  files: KernelFiles,
  { procfs, sysfs }: CgroupRoots = OWN_ROOTS,
): number | undefined {
  const membership = files.readTextIfPresent(`${procfs}/self/cgroup`) ?? "";
  const limits: number[] = [];
  for (const line of membership.trimEnd().split("\n")) {
    const [, controllers, path = ""] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    const version = controllers === ""
      ? VERSION_2
      : controllers?.split(",").includes("memory")
      ? VERSION_1
      : undefined;
    if (version === undefined) continue;
    for (const tree of version.trees) {
      for (const directory of upwards(path)) {
        const text = files.readAttribute(
          `${sysfs}/fs/cgroup/${tree}${directory}/${version.file}`,
        );
        if (text !== undefined && /^\d+$/.test(text)) limits.push(Number(text));
      }
    }
  }
  return limits.length === 0 ? undefined : Math.min(...limits);
}

/** `/a/b`, `/a` and the root, which is empty. */
function upwards(path: string): string[] {
  const directories: string[] = [];
  let rest = path;
  for (; rest.length > 1; rest = rest.slice(0, rest.lastIndexOf("/"))) directories.push(rest);
  return [...directories, ""];
}
