import { deepEqual, ok } from "node:assert/strict";
import { parse } from "yaml";
import { runCommand } from "../harness/command.ts";
import { PROJECT } from "../harness/project.ts";

const GITHUB = `${PROJECT}/.github`;

async function workflows(): Promise<string[]> {
  const paths: string[] = [];
  for await (const { name } of Deno.readDir(`${GITHUB}/workflows`)) {
    paths.push(`${GITHUB}/workflows/${name}`);
  }
  return paths.sort();
}

Deno.test("actionlint finds nothing in the workflows, nor in their scripts", async () => {
  const args = ["-shellcheck", "shellcheck", ...await workflows()];
  const { code, stdout, stderr } = await runCommand("actionlint", args, { env: {} });
  ok(code === 0, stdout + stderr);
});

Deno.test("zizmor finds nothing in the workflows, as far as it looks offline", async () => {
  const args = ["--offline", "--no-progress", "--quiet", "--persona", "pedantic", GITHUB];
  const { code, stdout, stderr } = await runCommand("zizmor", args, { env: {} });
  ok(code === 0, stdout + stderr);
});

Deno.test("a workflow gives no rights, and each of its jobs says which it needs", async () => {
  for (const path of await workflows()) {
    const { permissions, jobs } = parse(await Deno.readTextFile(path));
    deepEqual(permissions, {}, path);
    for (const [name, job] of Object.entries<Record<string, unknown>>(jobs)) {
      ok(job["permissions"] !== undefined, `${name} of ${path} names no permissions`);
    }
  }
});

Deno.test("every action and every image is pinned by its digest", async () => {
  for (const path of await workflows()) {
    const text = await Deno.readTextFile(path);
    for (const [line, used = ""] of text.matchAll(/^ *(?:- )?uses: (\S+).*$/gm)) {
      ok(
        used.startsWith("./") || /@[0-9a-f]{40} # v\d+(?:\.\d+)+$/.test(line),
        `${path}: ${line.trim()}`,
      );
    }
    for (const [line] of text.matchAll(/^ *(?:image|container): \S.*$/gm)) {
      ok(/@sha256:[0-9a-f]{64}$/.test(line), `${path}: ${line.trim()}`);
    }
  }
});

Deno.test("each of Renovate's own patterns finds something to renew", async () => {
  const { customManagers } = JSON.parse(await Deno.readTextFile(`${GITHUB}/renovate.json`));
  for (const { description, managerFilePatterns, matchStrings } of customManagers) {
    for (const filePattern of managerFilePatterns) {
      const file = filePattern.replace(/^\/\^|\$\/$/g, "").replaceAll("\\", "");
      const text = await Deno.readTextFile(`${PROJECT}/${file}`);
      for (const pattern of matchStrings) {
        ok(new RegExp(pattern).test(text), `${description}: nothing in ${file}`);
      }
    }
  }
});
