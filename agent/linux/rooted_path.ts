import type { KernelFiles } from "./kernel_files.ts";

const MAXIMUM_LINKS = 40;

/**
 * Follows the symbolic links of a path as a program inside `root` would: absolute ones and `..` stay
 * within the root.
 *
 * @param root a directory such as `/host/root`, or `/`
 * @param path an absolute path as seen from inside the root
 * @returns the path as seen from outside; its last component may not exist
 * @throws Error when there are too many links (a loop)
 */
export function resolveInRoot(files: KernelFiles, root: string, path: string): string {
  // There the kernel follows them itself.
  if (root === "/") return path;
  const rest = path.split("/");
  let resolved: string[] = [];
  let links = 0;
  for (let component = rest.shift(); component !== undefined; component = rest.shift()) {
    if (component === "" || component === ".") continue;
    if (component === "..") {
      resolved.pop();
      continue;
    }
    const target = files.readLink(`${root}/${[...resolved, component].join("/")}`);
    if (target === undefined) {
      resolved.push(component);
      continue;
    }
    if (++links > MAXIMUM_LINKS) {
      throw new Error(`too many symbolic links in ${path} under ${root}`);
    }
    if (target.startsWith("/")) resolved = [];
    rest.unshift(...target.split("/"));
  }
  return `${root}/${resolved.join("/")}`;
}
