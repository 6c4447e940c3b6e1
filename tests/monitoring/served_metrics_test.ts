import { deepEqual, doesNotMatch, equal, match, ok } from "node:assert/strict";
import { stringify } from "yaml";
import { FakeTalosApi } from "../harness/talos/fake_talos_api_process.ts";
import { freePort } from "../harness/free_port.ts";
import { RunningAgent } from "../harness/running_agent.ts";
import {
  JOB,
  panelExpressions,
  readDashboard,
  renderRules,
  withVariables,
} from "./chart_content.ts";
import { metricNames, servedNames } from "./metric_names.ts";
import { Prometheus } from "./prometheus.ts";

/** Metrics that Prometheus makes itself. */
const OF_PROMETHEUS = ["up"];

/** A running agent, credentials and a Talos API. */
class MonitoredAgent implements AsyncDisposable {
  /** `HOST:PORT` of its metrics. */
  readonly target: string;
  readonly #api: FakeTalosApi;
  readonly #agent: RunningAgent;

  private constructor(api: FakeTalosApi, agent: RunningAgent, target: string) {
    this.#api = api;
    this.#agent = agent;
    this.target = target;
  }

  /** Starts one that sees no file system. */
  static async start(): Promise<MonitoredAgent> {
    const api = await FakeTalosApi.start();
    const directory = await Deno.makeTempDir({ prefix: "monitoring-" });
    const target = `127.0.0.1:${freePort()}`;
    await Deno.mkdir(`${directory}/root`);
    await Deno.writeTextFile(`${directory}/config`, await api.talosconfig());
    // A freeze before this agent's start: this machine is not frozen.
    await Deno.writeTextFile(
      `${directory}/qga.state.last-freeze`,
      JSON.stringify({
        ...{ since: Date.now() - 5_000, until: Date.now(), seconds: 5, count: 2 },
        ...{ endedBy: "command", reported: true, told: false },
      }),
    );
    const agent = await RunningAgent.startIn(directory, [
      ...["-t", directory, "--path-rootfs", `${directory}/root`, "--listen-address", target],
      ...["--talosconfig", directory, "--talos-endpoint", api.endpoint],
      ...["--drain-timeout", "none"],
    ]);
    return new MonitoredAgent(api, agent, target);
  }

  /** Has it do what all metrics are made of: a freeze of nothing, a trim, a shutdown that fails, and one. */
  async work(): Promise<void> {
    await using client = await this.#agent.client();
    await client.sync();
    const refused = async (command: string) => {
      await client.request(command);
      return JSON.stringify((await client.receiveReply())["error"]);
    };
    match(await refused("guest-fsfreeze-freeze"), /no file system/);
    await client.execute("guest-fstrim");
    await this.#api.fault({ fault: "status", code: 14, method: "Shutdown", times: 1 });
    match(await refused("guest-shutdown"), /UNAVAILABLE/);
    await client.request("guest-shutdown");
    await client.execute("guest-ping");
  }

  /** What a scrape gets. */
  async scrape(): Promise<string> {
    for (;;) {
      try {
        return await (await fetch(`http://${this.target}/metrics`)).text();
      } catch (error) {
        // HTTP is served some time after the port is.
        if (!(error instanceof TypeError)) throw error;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  /** Ends the agent. */
  async stop(): Promise<void> {
    await this.#agent.stop("SIGTERM");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent[Symbol.asyncDispose]();
    await this.#api[Symbol.asyncDispose]();
  }
}

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

Deno.test("Prometheus scrapes the agent, evaluates every panel and alert, and fires", async () => {
  await using agent = await MonitoredAgent.start();
  await agent.scrape();
  const rules = await Deno.makeTempFile({ suffix: ".yaml" });
  await Deno.writeTextFile(rules, stringify(await renderRules()));
  await using prometheus = await Prometheus.start(agent.target, JOB, rules);
  // An increase takes two scrapes.
  await prometheus.waitFor(`sum_over_time(up{job="${JOB}"}[1m]) > 2`);
  deepEqual([...(await prometheus.alerts()).keys()], []);
  await agent.work();
  for (const alert of ["FreezeCoveredNothing", "TalosCallFailing", "PowerActionFailed"]) {
    await prometheus.waitFor(`ALERTS{alertname="QemuGuestAgent${alert}",alertstate="firing"}`);
  }
  // These series begin with the work.
  await prometheus.waitFor('count_over_time(qga_talos_calls_total{code="OK"}[1m]) > 2');
  const empty: string[] = [];
  for (const { panel, expr } of panelExpressions(await readDashboard())) {
    const samples = await prometheus.query(withVariables(expr, JOB, agent.target));
    if (samples.length === 0) empty.push(panel);
  }
  // Each panel shows something of an agent that has worked.
  deepEqual(empty, []);
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

Deno.test("the dashboard has a data source to choose, and unique panels", async () => {
  const dashboard = await readDashboard();
  const variables = dashboard.templating.list.map(({ name, type }) => `${name}: ${type}`);
  deepEqual(variables, ["datasource: datasource", "job: query", "instance: query"]);
  ok(dashboard.schemaVersion >= 39);
  const titles = dashboard.panels.map(({ title }) => title);
  equal(new Set(titles).size, titles.length);
});
