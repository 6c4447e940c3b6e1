import { equal, match } from "node:assert/strict";
import { runCommand, succeeded } from "../harness/command.ts";
import { buildGoProgram } from "../harness/go_program.ts";
import { TemporaryDirectory } from "../harness/temporary_directory.ts";
import { renderDashboard } from "./chart_content.ts";

let directory: TemporaryDirectory;

Deno.test.beforeAll(async () => {
  directory = await TemporaryDirectory.create();
  await buildGoProgram("tests/monitoring/grafana_schema", program());
});

Deno.test.afterAll(async () => {
  await directory[Symbol.asyncDispose]();
});

function program(): string {
  return `${directory.path}/grafana_schema`;
}

/** What Grafana's types do not know of a dashboard. */
async function complaints(dashboard: string): Promise<string> {
  const result = await runCommand(program(), [], { env: {}, stdin: dashboard });
  return succeeded("grafana_schema", result).stdout;
}

Deno.test("the dashboard is of Grafana's own schema, with links and without", async () => {
  equal(await complaints(await renderDashboard()), "");
  const args = ["--set", "metrics.prometheusRule.runbookUrl=https://example.com/alerts.md"];
  equal(await complaints(await renderDashboard({ args })), "");
});

Deno.test("Grafana's schema finds fields that are misspelt", async () => {
  const dashboard = await renderDashboard();
  const misspelt = (right: string, wrong: string) =>
    dashboard.replace(`"${right}":`, `"${wrong}":`);
  match(await complaints(misspelt("colorMode", "colourMode")), /panels\[1\]\.options.*colourMode/);
  match(await complaints(misspelt("legendFormat", "legend")), /panels\[1\]\.targets/);
  match(await complaints(misspelt("iconColor", "iconColour")), /annotations/);
});
