import { run } from "../harness/command.ts";
import { PROJECT } from "../harness/project.ts";

/** Paths of the project's files below its directory, new ones that git does not ignore among them. */
export async function projectFiles(): Promise<string[]> {
  const options = ["ls-files", "--cached", "--others", "--exclude-standard", "-z"];
  const listed = await run("git", "-C", PROJECT, ...options);
  const files: string[] = [];
  for (const path of listed.split("\0")) {
    if (path !== "" && await exists(path)) files.push(path);
  }
  return files.sort();
}

/** Whether there is a file or a directory by that path below the project's directory. */
export async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(`${PROJECT}/${path}`);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return false;
    }
    throw error;
  }
}
