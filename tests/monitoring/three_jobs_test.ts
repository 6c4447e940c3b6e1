import { deepEqual, equal, ok } from "node:assert/strict";
import { freePort } from "../harness/free_port.ts";
import {
  choices,
  type Dashboard,
  JOB,
  panelExpressions,
  readDashboard,
  withVariables,
} from "./chart_content.ts";
import { MonitoredAgent } from "./monitored_agent.ts";
import { Prometheus, type Sample } from "./prometheus.ts";

/** What Grafana puts in the place of `$job` for All. */
const ALL_JOBS = ".+";

function localAddress(): string {
  return `127.0.0.1:${freePort()}`;
}

/** What a Prometheus tells a dashboard, with a choice of jobs and the agent's address as the node's. */
class Viewer {
  constructor(
    readonly prometheus: Prometheus,
    readonly dashboard: Dashboard,
    readonly instance: string,
  ) {}

  /** What a query gives. */
  async query(expr: string, job: string): Promise<Sample[]> {
    return await this.prometheus.query(withVariables(expr, job, this.instance));
  }

  /** What a panel shows, whatever query it comes from. */
  async panel(title: string, job = ALL_JOBS): Promise<Sample[]> {
    const samples: Sample[] = [];
    for (const { panel, expr } of panelExpressions(this.dashboard)) {
      if (panel === title) samples.push(...await this.query(expr, job));
    }
    return samples;
  }

  /** The numbers that a panel shows. */
  async values(title: string, job = ALL_JOBS): Promise<number[]> {
    return (await this.panel(title, job)).map(({ value }) => value);
  }

  /** The nodes that can be chosen. */
  async nodes(job = ALL_JOBS): Promise<{ readonly text: string; readonly value: string }[]> {
    const variable = this.dashboard.templating.list.find(({ name }) => name === "instance");
    ok(variable !== undefined && typeof variable.query !== "string");
    const expr = /^query_result\((.+)\)$/.exec(variable.query.query)?.[1] ?? "";
    return choices(variable, (await this.query(expr, job)).map(({ labels }) => labels));
  }
}

Deno.test("with three jobs and Job = All each panel is about the agent alone", async () => {
  await using agent = await MonitoredAgent.start();
  await agent.scrape();
  const own = localAddress();
  await using prometheus = await Prometheus.start(
    [
      { name: JOB, targets: { [agent.target]: { node: "node-1" } } },
      { name: "prometheus", targets: { [own]: {} } },
      // One that is told by the same address and node as the agent.
      { name: "exporter", targets: { [own]: { instance: agent.target, node: "node-1" } } },
    ],
    [],
    own,
  );
  const viewer = new Viewer(prometheus, await readDashboard(), agent.target);
  await prometheus.waitFor("count(up == 1) == 3");
  await prometheus.waitFor(`sum_over_time(up{job="${JOB}"}[1m]) > 2`);
  await agent.work();
  // These series begin with the work.
  await prometheus.waitFor('count_over_time(qga_talos_calls_total{code="OK"}[1m]) > 2');
  await prometheus.waitFor('increase(qga_power_actions_total{result="failed"}[1m]) > 0');

  const empty: string[] = [];
  for (const { title, type } of viewer.dashboard.panels) {
    if (type === "row") continue;
    const samples = await viewer.panel(title);
    if (samples.length === 0) empty.push(title);
    if (type !== "stat") continue;
    equal(samples.length, 1, `${title} shows others, too: ${JSON.stringify(samples)}`);
  }
  deepEqual(empty, []);
  deepEqual(await viewer.values("Agents"), [1]);
  deepEqual(await viewer.values("Agents down"), [0]);
  deepEqual(await viewer.values("Failed power actions"), [1]);
  deepEqual(await viewer.nodes(), [{ text: "node-1", value: agent.target }]);
  const told = await viewer.panel("Requests by node");
  deepEqual(told.map(({ labels }) => labels["node"]), ["node-1"]);
  for (const { name, expr } of viewer.dashboard.annotations.list) {
    const samples = await viewer.query(expr, ALL_JOBS);
    ok(samples.length > 0, name);
    for (const { labels } of samples) equal(labels["node"], "node-1", name);
  }

  await agent.stop();
  await prometheus.waitFor(`up{job="${JOB}"} == 0`);
  deepEqual(await viewer.values("Agents"), [1]);
  deepEqual(await viewer.values("Agents down"), [1]);
  deepEqual(await viewer.values("Agent"), [0]);
  // It can still be chosen.
  deepEqual(await viewer.nodes(), [{ text: "node-1", value: agent.target }]);
});

Deno.test("agents that were never up are down, unless their job has strangers; without label a node has its address", async () => {
  await using agent = await MonitoredAgent.start();
  await agent.scrape();
  const own = localAddress();
  const dead = localAddress();
  await using prometheus = await Prometheus.start(
    [
      { name: JOB, targets: { [agent.target]: { node: "node-1" }, [dead]: { node: "node-2" } } },
      { name: "mixed", targets: { [agent.target]: {}, [own]: {}, [dead]: {} } },
    ],
    [],
    own,
  );
  const viewer = new Viewer(prometheus, await readDashboard(), agent.target);
  await prometheus.waitFor("count(up == 1) == 3 and count(up == 0) == 2");
  deepEqual(await viewer.values("Agents", JOB), [2]);
  deepEqual(await viewer.values("Agents down", JOB), [1]);
  deepEqual(
    (await viewer.nodes(JOB)).map(({ text }) => text).sort(),
    ["node-1", "node-2"],
  );
  deepEqual(await viewer.values("Agents", "mixed"), [1]);
  deepEqual(await viewer.values("Agents down", "mixed"), [0]);
  deepEqual(await viewer.nodes("mixed"), [{ text: agent.target, value: agent.target }]);
});
