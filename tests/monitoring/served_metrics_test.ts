import { deepEqual, doesNotMatch, equal, match } from "node:assert/strict";
import { stringify } from "yaml";
import { JOB, panelExpressions, readDashboard, renderRules } from "./chart_content.ts";
import { metricNames, servedNames } from "./metric_names.ts";
import { MonitoredAgent } from "./monitored_agent.ts";
import { Prometheus } from "./prometheus.ts";

/** Metrics that Prometheus makes itself. */
const OF_PROMETHEUS = ["up"];

/** The expressions of all alerts and panels, each with the place that it is of. */
async function allExpressions(): Promise<{ readonly place: string; readonly expr: string }[]> {
  const rules = (await renderRules()).groups.flatMap((group) => group.rules);
  return [
    ...rules.map(({ alert, expr }) => ({ place: alert, expr })),
    ...panelExpressions(await readDashboard()).map(({ panel, expr }) => ({ place: panel, expr })),
  ];
}

Deno.test("alerts and dashboard ask for metrics that the agent serves", async () => {
  await using agent = await MonitoredAgent.start();
  await agent.work();
  const served = servedNames(await agent.scrape());
  const unknown = (await allExpressions()).flatMap(({ place, expr }) =>
    metricNames(expr).filter((name) => !served.has(name) && !OF_PROMETHEUS.includes(name))
      .map((name) => `${place}: ${name}`)
  );
  deepEqual(unknown, []);
});

Deno.test("Prometheus scrapes the agent, evaluates every alert, and fires", async () => {
  await using agent = await MonitoredAgent.start();
  await agent.scrape();
  const rules = await Deno.makeTempFile({ suffix: ".yaml" });
  await Deno.writeTextFile(rules, stringify(await renderRules()));
  await using prometheus = await Prometheus.start([
    { name: JOB, targets: { [agent.target]: { node: "node-1" } } },
  ], [rules]);
  // An increase takes two scrapes.
  await prometheus.waitFor(`sum_over_time(up{job="${JOB}"}[1m]) > 2`);
  deepEqual([...(await prometheus.alerts()).keys()], []);
  await agent.work();
  for (const alert of ["FreezeCoveredNothing", "TalosCallFailing", "PowerActionFailed"]) {
    await prometheus.waitFor(`ALERTS{alertname="QemuGuestAgent${alert}",alertstate="firing"}`);
  }
  // These series begin with the work.
  await prometheus.waitFor('count_over_time(qga_talos_calls_total{code="OK"}[1m]) > 2');
  deepEqual(await prometheus.rules(), { count: 8, unhealthy: [] });

  await agent.stop();
  await prometheus.waitFor('ALERTS{alertname="QemuGuestAgentDown",node="node-1"}');
  const alerts = await prometheus.alerts();
  equal(alerts.size, 4);
  for (const [alert, { summary = "", description = "" }] of alerts) {
    match(summary, /\bnode-1\b/, alert);
    doesNotMatch(summary + description, /<no value>|<error|\{\{/, alert);
  }
  await Deno.remove(rules);
});
