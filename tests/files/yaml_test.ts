import { ok } from "node:assert/strict";
import { runCommand } from "../harness/command.ts";
import { PROJECT } from "../harness/project.ts";
import { projectFiles } from "./project_files.ts";

Deno.test("yamllint finds nothing in the YAML files", async () => {
  // Templates are no YAML yet.
  const files = (await projectFiles()).filter((path) =>
    /\.ya?ml$/.test(path) && !path.startsWith("chart/templates/")
  );
  ok(files.length > 50, `only ${files.length} files were found`);
  const args = ["--strict", "--config-file", `${PROJECT}/.yamllint.yaml`];
  const paths = files.map((path) => `${PROJECT}/${path}`);
  const { code, stdout, stderr } = await runCommand("yamllint", [...args, ...paths], { env: {} });
  ok(code === 0, stdout + stderr);
});
