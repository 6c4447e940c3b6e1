import { stringify } from "yaml";
import { freePort } from "../harness/free_port.ts";

/** What Prometheus scrapes. */
export interface ScrapeJob {
  readonly name: string;
  /** By `HOST:PORT`, the labels that each gets. */
  readonly targets: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** A server of Prometheus that scrapes each second; it and its data are gone when it is disposed of. */
export class Prometheus implements AsyncDisposable {
  readonly #url: string;
  readonly #directory: string;
  readonly #process: Deno.ChildProcess;
  readonly #log: Promise<string>;

  private constructor(url: string, directory: string, process: Deno.ChildProcess) {
    this.#url = url;
    this.#directory = directory;
    this.#process = process;
    this.#log = new Response(process.stderr).text();
  }

  /**
   * Starts it, with the rules of files, and waits until it answers.
   *
   * @param address `HOST:PORT` that it serves on, for those who have it scrape itself
   */
  static async start(
    jobs: readonly ScrapeJob[],
    rules: readonly string[] = [],
    address: string = `127.0.0.1:${freePort()}`,
  ): Promise<Prometheus> {
    const directory = await Deno.makeTempDir({ prefix: "prometheus-" });
    const config = {
      global: { scrape_interval: "1s", evaluation_interval: "1s" },
      rule_files: rules,
      scrape_configs: jobs.map(({ name, targets }) => ({
        job_name: name,
        static_configs: Object.entries(targets).map(([target, labels]) => ({
          targets: [target],
          labels,
        })),
      })),
    };
    await Deno.writeTextFile(`${directory}/prometheus.yaml`, stringify(config));
    const process = new Deno.Command("prometheus", {
      args: [
        `--config.file=${directory}/prometheus.yaml`,
        `--storage.tsdb.path=${directory}/data`,
        `--web.listen-address=${address}`,
      ],
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const prometheus = new Prometheus(`http://${address}`, directory, process);
    try {
      await prometheus.#waitUntil("ready", () => prometheus.#isReady());
    } catch (error) {
      await prometheus[Symbol.asyncDispose]();
      throw new Error(`prometheus has not started: ${await prometheus.#log}`, { cause: error });
    }
    return prometheus;
  }

  /**
   * The values of an instant query, each with its labels.
   *
   * @throws Error when Prometheus refuses it
   */
  async query(expr: string): Promise<Sample[]> {
    const response = await fetch(`${this.#url}/api/v1/query`, {
      method: "POST",
      body: new URLSearchParams({ query: expr }),
    });
    const { status, error, data } = await response.json();
    if (status !== "success") throw new Error(`${expr}: ${error}`);
    if (data.resultType !== "vector") return [];
    // As Prometheus' HTTP API has it.
    return (data.result as { metric: Record<string, string>; value: [number, string] }[])
      .map(({ metric, value }) => ({ labels: metric, value: Number(value[1]) }));
  }

  /** Waits until a query has a result. */
  async waitFor(expr: string): Promise<void> {
    await this.#waitUntil(expr, async () => (await this.query(expr)).length > 0);
  }

  /** The annotations of all alerts that are pending or firing, by the alerts' names. */
  async alerts(): Promise<ReadonlyMap<string, Readonly<Record<string, string>>>> {
    const { data } = await (await fetch(`${this.#url}/api/v1/alerts`)).json();
    // As Prometheus' HTTP API has it.
    const alerts = data.alerts as {
      labels: Record<string, string>;
      annotations: Sample["labels"];
    }[];
    return new Map(
      alerts.map(({ labels, annotations }) => [labels["alertname"] ?? "", annotations]),
    );
  }

  /** The names of the rules that cannot be evaluated, and how many there are. */
  async rules(): Promise<{ readonly count: number; readonly unhealthy: readonly string[] }> {
    let rules: { name: string; health: string }[] = [];
    await this.#waitUntil("the rules' first evaluation", async () => {
      const { data } = await (await fetch(`${this.#url}/api/v1/rules`)).json();
      rules = data.groups.flatMap((group: { rules: unknown[] }) => group.rules);
      return rules.length > 0 && rules.every(({ health }) => health !== "unknown");
    });
    const unhealthy = rules.filter(({ health }) => health !== "ok").map(({ name }) => name);
    return { count: rules.length, unhealthy };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.status;
    await this.#log;
    await Deno.remove(this.#directory, { recursive: true });
  }

  async #isReady(): Promise<boolean> {
    try {
      const response = await fetch(`${this.#url}/-/ready`);
      await response.body?.cancel();
      return response.ok;
    } catch (error) {
      // It does not listen yet.
      if (error instanceof TypeError) return false;
      throw error;
    }
  }

  async #waitUntil(what: string, done: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + 30_000;
    while (!await done()) {
      if (performance.now() > deadline) throw new Error(`${what}: not within 30 s`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** A value of a query. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}
