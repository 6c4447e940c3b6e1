/**
 * Paths below a directory, each with a file's content; `->` and a target make a symbolic link, and a path
 * that ends in `/` is a directory.
 */
export type FixtureTree = Readonly<Record<string, string | Uint8Array>>;

/** Writes files, links and the directories around them below a directory. */
export async function plant(root: string, tree: FixtureTree): Promise<void> {
  for (const [name, content] of Object.entries(tree)) {
    const path = `${root}/${name}`;
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    if (name.endsWith("/")) continue;
    if (typeof content !== "string") await Deno.writeFile(path, content);
    else if (content.startsWith("->")) await Deno.symlink(content.slice(2), path);
    else await Deno.writeTextFile(path, content);
  }
}
