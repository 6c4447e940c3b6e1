import { deepEqual, equal, ok } from "node:assert/strict";
import { parse } from "yaml";
import { type Option } from "../../agent/config/option.ts";
import { OPTIONS } from "../../agent/config/options.ts";
import { CHART_VALUES, type ChartValue } from "../../scripts/chart_values.ts";
import { parseObjects, template } from "../harness/kubernetes/helm.ts";

/** What `--set-json` gives each value of the chart, other than its default, and what values it needs beside it. */
const SAMPLES: Readonly<Record<string, string>> = {
  "stateDirectory": '"/run/other"',
  "commands.block": "[]",
  "commands.allow": '["guest-ping"]',
  "commands.enable": '["guest-exec"]',
  "commands.disable": '["guest-ping"]',
  "freeze.include": '["/var"]',
  "freeze.exclude": '["/var"]',
  "freeze.timeout": '"30s"',
  "freeze.allowEmpty": "true",
  "interfaces.include": '["eth0"]',
  "interfaces.exclude": '["eth0"]',
  "talos.auth": '"none"',
  "talos.context": '"other"',
  "talos.drainTimeout": '"5s"',
  "talos.rebootMode": '"force"',
  "metrics.enabled": "false",
  "metrics.address": '"0.0.0.0"',
  "metrics.port": "9000",
  "readiness": '["port"]',
  "log.format": '"text"',
  "log.level": '"error"',
  "events.enabled": "true",
  "config.talos-endpoint": '["192.0.2.1"]',
};

interface Container {
  readonly name: string;
  readonly env: readonly { readonly name: string }[];
}

/** What the rendered pod gives its agent, by the option's name: of the file and of the environment. */
async function agentOptions(args: readonly string[]): Promise<Map<string, string>> {
  const { success, stdout, stderr } = await template({ args });
  ok(success, `${args}: ${stderr}`);
  const objects = parseObjects(stdout);
  const configMap = objects.find(({ kind }) => kind === "ConfigMap");
  const { "qga.yaml": file = "" } = configMap?.["data"] as Record<string, string>;
  const daemonSet = objects.find(({ kind }) => kind === "DaemonSet") as unknown as {
    readonly spec: { readonly template: { readonly spec: Record<string, unknown> } };
  };
  const { spec } = daemonSet.spec.template;
  const agent = (spec["containers"] as Container[]).find(({ name }) => name === "agent");
  const found = new Map(
    Object.entries(parse(file) as Record<string, unknown>)
      .map(([name, value]) => [name, JSON.stringify(value)]),
  );
  for (const variable of agent?.env ?? []) {
    const name = /^QGA_(.*)$/.exec(variable.name)?.[1]?.toLowerCase().replaceAll("_", "-");
    if (name !== undefined) found.set(name, JSON.stringify(variable));
  }
  // The chart's, in the container; the value is where it is on the node.
  const volumes = spec["volumes"] as { readonly name: string; readonly hostPath?: unknown }[];
  found.set("statedir", JSON.stringify(volumes.find(({ name }) => name === "state")?.hostPath));
  return found;
}

const DECLARATIONS: readonly (readonly [string, Option])[] = Object.entries(OPTIONS);
const CHART: Readonly<Record<string, ChartValue>> = CHART_VALUES;

Deno.test("each value of the chart that docs/reference/options.md names sets its option", async () => {
  const before = await agentOptions([]);
  const tried: string[] = [];
  for (const [property, { name }] of DECLARATIONS) {
    const chart = CHART[property];
    if (chart === undefined || "refused" in chart) continue;
    for (const value of chart.values) {
      const sample = SAMPLES[value];
      ok(sample !== undefined, `give ${value} a sample`);
      const after = await agentOptions(["--set-json", `${value}=${sample}`]);
      ok(after.get(name) !== before.get(name), `${value} does not change ${name}`);
      tried.push(value);
    }
  }
  deepEqual(tried.toSorted(), Object.keys(SAMPLES).toSorted());
});

Deno.test("each option without a value of its own is set by config, or refused", async () => {
  const samples = new Map<string, string>();
  for (const [property, { name, kind, choices, commandLineOnly }] of DECLARATIONS) {
    const chart = CHART[property];
    if (commandLineOnly || (chart !== undefined && "values" in chart)) continue;
    const sample = kind === "boolean" ? "true" : JSON.stringify(choices?.[0] ?? "/somewhere");
    if (chart === undefined) {
      samples.set(name, sample);
      continue;
    }
    const { success, stderr } = await template({
      args: ["--set-json", `config.${name}=${sample}`],
    });
    ok(!success && stderr.includes(`config.${name}: ${chart.refused}`), `${name}: ${stderr}`);
  }
  const args = [...samples].flatMap(([name, text]) => ["--set-json", `config.${name}=${text}`]);
  const options = await agentOptions(args);
  for (const [name, sample] of samples) equal(options.get(name), sample, name);
});
