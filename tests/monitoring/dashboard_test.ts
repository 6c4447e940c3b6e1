import { deepEqual, equal, ok } from "node:assert/strict";
import { METRICS } from "../../agent/metrics/metric_table.ts";
import { EXPIRY_WARNING_SECONDS } from "../../agent/talos/credentials/expiry_warning.ts";
import {
  type Dashboard,
  panelExpressions,
  readDashboard,
  renderDashboard,
  renderRules,
} from "./chart_content.ts";
import { metricNames } from "./metric_names.ts";

const RUNBOOK = "https://example.com/docs/reference/alerts.md";

async function rendered(...args: Parameters<typeof renderDashboard>): Promise<Dashboard> {
  // The chart's own.
  return JSON.parse(await renderDashboard(...args)) as Dashboard;
}

Deno.test("each metric is in a panel or in an alert", async () => {
  const rules = (await renderRules()).groups.flatMap((group) => group.rules);
  const expressions = [...rules, ...panelExpressions(await readDashboard())];
  const used = new Set(expressions.flatMap(({ expr }) => metricNames(expr)));
  const unused = Object.entries(METRICS).flatMap(([name, { type }]) =>
    used.has(type === "histogram" ? `${name}_bucket` : name) ? [] : [name]
  );
  deepEqual(unused, []);
});

Deno.test("each metric that others serve, too, is asked for as the agents'", async () => {
  const { panels, annotations, templating } = await readDashboard();
  const queries = templating.list.map(({ query }) =>
    typeof query === "string" ? query : query.query
  );
  const expressions = [
    ...panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
    ...annotations.list.map(({ expr }) => expr),
    ...queries.filter((query) => query.startsWith("query_result")),
  ];
  const strangers = expressions.filter((expr) => !metricNames(expr).some(isOwn));
  deepEqual(strangers, []);
});

function isOwn(name: string): boolean {
  return name.startsWith("qga_");
}

Deno.test("the dashboard has a data source, jobs and nodes to choose", async () => {
  const dashboard = await readDashboard();
  const variables = dashboard.templating.list.map(({ name, type }) => `${name}: ${type}`);
  deepEqual(variables, ["datasource: datasource", "job: query", "instance: query"]);
  ok(dashboard.schemaVersion >= 39);
});

Deno.test("the dashboard has unique panels, which lie side by side within 24 columns", async () => {
  const { panels } = await readDashboard();
  const titles = panels.map(({ title }) => title);
  equal(new Set(titles).size, titles.length);
  const taken = new Set<string>();
  for (const { title, gridPos: { x, y, w, h } } of panels) {
    ok(w > 0 && h > 0 && x + w <= 24, title);
    for (let column = x; column < x + w; column++) {
      for (let line = y; line < y + h; line++) {
        ok(!taken.has(`${column} ${line}`), `${title} lies on another panel`);
        taken.add(`${column} ${line}`);
      }
    }
  }
});

Deno.test("what is left of a certificate has the colours of the alert's limits", async () => {
  const { panels } = await readDashboard();
  const found: string[] = [];
  for (const { title, targets = [], fieldConfig } of panels) {
    for (const { refId, expr } of targets) {
      const kind = /qga_talos_credentials_info\{[^}]*kind="(\w+)"/.exec(expr)?.[1];
      if (kind !== "serviceAccount" && kind !== "talosconfig") continue;
      const override = fieldConfig?.overrides?.find(({ matcher: { id, options } }) =>
        id === "byFrameRefID" ? options === refId : options === `Value #${refId}`
      );
      const thresholds = override?.properties.find(({ id }) => id === "thresholds")?.value;
      deepEqual(thresholds, {
        mode: "absolute",
        steps: [
          { value: null, color: "red" },
          { value: 0, color: "orange" },
          { value: EXPIRY_WARNING_SECONDS[kind], color: "green" },
        ],
      }, title);
      found.push(`${title}: ${kind}`);
    }
  }
  deepEqual(found, [
    "First certificate to end: serviceAccount",
    "First certificate to end: talosconfig",
    "Nodes: serviceAccount",
    "Nodes: talosconfig",
    "Certificate ends in: serviceAccount",
    "Certificate ends in: talosconfig",
  ]);
});

Deno.test("panels link to what each alert means, and to nothing where nobody has said where that is", async () => {
  const sections = (await Deno.readTextFile("docs/reference/alerts.md")).match(/(?<=^## ).*$/gm) ??
    [];
  const { panels, links } = await rendered({
    args: ["--set", `metrics.prometheusRule.runbookUrl=${RUNBOOK}`],
  });
  deepEqual(links?.map(({ url }) => url), [RUNBOOK]);
  const linked = new Set(panels.flatMap(({ links: own = [] }) => own.map(({ url }) => url)));
  // A heading's anchor is the heading in small letters.
  deepEqual(
    [...linked].sort(),
    sections.map((section) => `${RUNBOOK}#${section.toLowerCase()}`).sort(),
  );
  const without = await rendered();
  deepEqual([without, ...without.panels].flatMap(({ links: own = [] }) => own), []);
});

Deno.test("two releases have dashboards that Grafana can tell apart", async () => {
  const releases = [
    { release: "qemu-guest-agent-talos", namespace: "qemu-guest-agent" },
    { release: "qemu-guest-agent-talos", namespace: "other" },
    { release: "second", namespace: "qemu-guest-agent" },
    { release: "r".repeat(53), namespace: "n".repeat(63) },
  ];
  const dashboards = await Promise.all(releases.map((each) => rendered(each)));
  for (const { uid } of dashboards) ok(uid.length >= 8 && uid.length <= 40, uid);
  equal(new Set(dashboards.map(({ uid }) => uid)).size, releases.length);
  equal(new Set(dashboards.map(({ title }) => title)).size, releases.length);
  equal(dashboards[0]?.title, "QEMU guest agent on Talos");
});
