import { match } from "node:assert/strict";
import { freePort } from "../harness/free_port.ts";
import { RunningAgent } from "../harness/running_agent.ts";
import { FakeTalosApi } from "../harness/talos/fake_talos_api_process.ts";

/** A running agent, credentials and a Talos API. */
export class MonitoredAgent implements AsyncDisposable {
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
