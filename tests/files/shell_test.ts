import { ok } from "node:assert/strict";
import { runCommand } from "../harness/command.ts";
import { PROJECT } from "../harness/project.ts";
import { projectFiles } from "./project_files.ts";

/** Scripts, and what they source: both tell the shell in their first line. */
async function shellScripts(): Promise<string[]> {
  const scripts: string[] = [];
  for (const path of await projectFiles()) {
    const [head = ""] = (await Deno.readTextFile(`${PROJECT}/${path}`)).split("\n", 1);
    if (/^#!.*\b(?:ba|da)?sh$|^# shellcheck shell=/.test(head)) scripts.push(path);
  }
  return scripts;
}

Deno.test("shellcheck finds nothing in the shell scripts", async () => {
  const scripts = await shellScripts();
  ok(scripts.includes("scripts/bootstrap") && scripts.includes("scripts/environment"));
  const args = ["--external-sources", ...scripts.map((path) => `${PROJECT}/${path}`)];
  const { code, stdout } = await runCommand("shellcheck", args, { env: {} });
  ok(code === 0, stdout);
});
