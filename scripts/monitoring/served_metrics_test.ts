import { deepEqual, equal, match, ok } from "node:assert/strict";
import { stringify } from "yaml";
import { FakeTalosApi } from "../../agent/testing/fake_talos_api_process.ts";
import { RunningAgent } from "../executable/running_agent.ts";
import {
  JOB,
  panelExpressions,
  readDashboard,
  renderRules,
  withVariables,
} from "./chart_content.ts";
import { metricNames, servedNames } from "./metric_names.ts";
import { freePort, Prometheus } from "./prometheus.ts";

/** Metrics that Prometheus makes itself. */
const OF_PROMETHEUS = ["up"];

/** A running agent that has worked, with all metrics that it will ever have. */
class WorkingAgent implements AsyncDisposable {
  readonly #api: FakeTalosApi;
  readonly #agent: RunningAgent;
  /** `HOST:PORT` of its metrics. */
  readonly target: string;

  private constructor(api: FakeTalosApi, agent: RunningAgent, target: string) {
    this.#api = api;
    this.#agent = agent;
    this.target = target;
  }

  /** Starts one, which has frozen nothing, trimmed nothing, shut down once and failed to once. */
  static async start(): Promise<WorkingAgent> {
    const api = await FakeTalosApi.start();
    const directory = await Deno.makeTempDir({ prefix: "monitoring-" });
    const target = `127.0.0.1:${freePort()}`;
    await Deno.mkdir(`${directory}/root`);
    await Deno.writeTextFile(`${directory}/config`, await api.talosconfig());
    const agent = await RunningAgent.startIn(directory, [
      ...["-t", directory, "--path-rootfs", `${directory}/root`, "--listen-address", target],
      ...["--talosconfig", directory, "--talos-endpoint", api.endpoint],
      ...["--drain-timeout", "none"],
    ]);
    await using client = await agent.client();
    await client.sync();
    const refused = async (command: string) => {
      await client.request(command);
      return JSON.stringify((await client.receiveReply())["error"]);
    };
    match(await refused("guest-fsfreeze-freeze"), /no file system/);
    await client.execute("guest-fstrim");
    await api.fault({ fault: "status", code: 14, method: "Shutdown", times: 1 });
    match(await refused("guest-shutdown"), /UNAVAILABLE/);
    await client.request("guest-shutdown");
    await client.execute("guest-ping");
    return new WorkingAgent(api, agent, target);
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
  await using agent = await WorkingAgent.start();
  const served = servedNames(await agent.scrape());
  const unknown = (await allExpressions()).flatMap(({ place, expr }) =>
    metricNames(expr).filter((name) => !served.has(name) && !OF_PROMETHEUS.includes(name))
      .map((name) => `${place}: ${name}`)
  );
  deepEqual(unknown, []);
});

Deno.test("Prometheus scrapes the agent and evaluates every panel and alert", async () => {
  await using agent = await WorkingAgent.start();
  await agent.scrape();
  const rules = await Deno.makeTempFile({ suffix: ".yaml" });
  await Deno.writeTextFile(rules, stringify(await renderRules()));
  await using prometheus = await Prometheus.start(agent.target, JOB, rules);
  await prometheus.waitFor(`up{job="${JOB}"} == 1`);
  // Rates need two scrapes.
  await prometheus.waitFor(`count_over_time(up{job="${JOB}"}[1m]) > 3`);
  const empty: string[] = [];
  for (const { panel, expr } of panelExpressions(await readDashboard())) {
    const samples = await prometheus.query(withVariables(expr, JOB, agent.target));
    if (samples.length === 0) empty.push(panel);
  }
  // Each panel shows something of an agent that has worked.
  deepEqual(empty, []);
  deepEqual(await prometheus.rules(), { count: 7, unhealthy: [] });
  await agent.stop();
  await prometheus.waitFor('ALERTS{alertname="QemuGuestAgentDown",node="node-1"}');
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
