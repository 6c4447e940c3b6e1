import { deepEqual } from "node:assert/strict";
import { PROJECT } from "../harness/project.ts";

/** Where a fault of `deno doc --lint` stands. */
interface DocFault {
  readonly kind: string;
  /** `FILE:LINE:COLUMN`, below the project. */
  readonly place: string;
}

async function modules(directory: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    const path = `${directory}/${name}`;
    if (isDirectory && name !== "generated") found.push(...await modules(path));
    else if (name.endsWith(".ts") && !name.endsWith("_test.ts")) found.push(path);
  }
  return found;
}

async function docFaults(): Promise<DocFault[]> {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--lint", ...await modules(`${PROJECT}/agent`)],
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  const output = decoder.decode(stdout) + decoder.decode(stderr);
  return Array.from(
    output.matchAll(/^error\[([a-z-]+)\].*\n\s*--> (\S+)$/gm),
    ([, kind = "", place = ""]) => ({ kind, place: place.replace(`${PROJECT}/`, "") }),
  );
}

/**
 * Members whose names and types say all need no docstring, and a command's type is made from its declaration:
 * neither is looked at. Top-level declarations begin in the first column.
 */
Deno.test("every exported thing has a docstring", async () => {
  const faults = (await docFaults()).filter(({ kind, place }) =>
    kind === "missing-jsdoc" && place.endsWith(":1")
  );
  deepEqual(faults, []);
});
