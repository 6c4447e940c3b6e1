import { deepEqual, equal, match, ok } from "node:assert/strict";
import { parse, stringify } from "yaml";
import { EXPIRY_WARNING_SECONDS } from "../../agent/talos/credentials/expiry_warning.ts";
import { renderRules } from "./chart_content.ts";

const TESTS = "tests/monitoring/alert_tests.yaml";

async function promtool(...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("promtool", { args }).output();
  const decoder = new TextDecoder();
  const output = decoder.decode(stdout) + decoder.decode(stderr);
  ok(success, output);
  return output;
}

Deno.test("promtool finds nothing wrong with the rules, and each alert fires when it should", async () => {
  const rules = await renderRules();
  const directory = await Deno.makeTempDir();
  await Deno.writeTextFile(`${directory}/rules.yaml`, stringify(rules));
  await Deno.copyFile(TESTS, `${directory}/tests.yaml`);
  match(await promtool("check", "rules", `${directory}/rules.yaml`), /8 rules found/);
  match(await promtool("test", "rules", `${directory}/tests.yaml`), /SUCCESS/);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("each alert has a test in which it fires, and one in which it is silent", async () => {
  const alerts = (await renderRules()).groups.flatMap(({ rules }) => rules);
  // As promtool has it.
  const { tests } = parse(await Deno.readTextFile(TESTS)) as { tests: { name: string }[] };
  const named = (word: string) =>
    new Set(tests.map(({ name }) => new RegExp(`^(\\w+) ${word}: `).exec(name)?.[1]));
  for (const { alert } of alerts) {
    ok(named("fires").has(alert), alert);
    ok(named("is silent").has(alert), alert);
  }
});

Deno.test("each alert says what is wrong, how bad it is, and where to read what to do", async () => {
  const sections = (await Deno.readTextFile("docs/reference/alerts.md")).match(/^## .*$/gm) ?? [];
  const alerts = (await renderRules()).groups.flatMap(({ rules }) => rules);
  deepEqual(alerts.map(({ alert }) => `## ${alert}`), sections);
  for (const { alert, labels, annotations } of alerts) {
    match(labels["severity"] ?? "", /^(warning|critical)$/, alert);
    ok((annotations["summary"] ?? "").length > 10, alert);
    ok((annotations["description"] ?? "").length > 40, alert);
    // A heading's anchor is the heading in small letters.
    equal(annotations["runbook"], `docs/reference/alerts.md#${alert.toLowerCase()}`);
  }
});

Deno.test("each alert is about the agents of its release alone", async () => {
  const alerts = (await renderRules()).groups.flatMap(({ rules }) => rules);
  for (const { alert, expr } of alerts) {
    const asked = Array.from(expr.matchAll(/\b(?:up|qga_\w+)\b.{0,7}/g), ([text]) => text);
    ok(asked.length > 0, alert);
    for (const each of asked) match(each, /^\w+\{job=~"/, alert);
  }
});

Deno.test("credentials are warned of as long before their end as the agent itself does", async () => {
  const alerts = (await renderRules()).groups.flatMap(({ rules }) => rules);
  const expiring = alerts.find(({ alert }) => alert === "QemuGuestAgentCredentialsExpiring");
  const limits = new Map(
    Array.from(
      (expiring?.expr ?? "").matchAll(/time\(\) < ([\d* ]+?)\s+and [^{]*\{[^}]*kind="(\w+)"\}/g),
      ([, limit = "", kind]) => [
        kind,
        limit.split("*").map(Number).reduce((product, factor) => product * factor),
      ],
    ),
  );
  deepEqual(Object.fromEntries(limits), EXPIRY_WARNING_SECONDS);
});
