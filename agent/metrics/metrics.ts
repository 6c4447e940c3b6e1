import type { ProcessStatistics } from "../linux/process_statistics.ts";
import { type Activity, PORT_STATES, type PortState } from "../activity/activity.ts";
import { type MetricDeclaration, type MetricName, METRICS } from "./metric_table.ts";
import type * as PrometheusClient from "prom-client";
import { Counter, Gauge, Histogram, Registry } from "./prometheus_client.ts";

/** The text formats in which metrics are served. */
export type MetricsFormat = "prometheus" | "openmetrics";

/** What metrics are made of besides activities. */
export interface MetricsOptions {
  /** The agent's version. */
  readonly version: string;
  /** The version of Deno. */
  readonly deno: string;
  /** @throws Error when it cannot be read */
  readonly processStatistics: () => ProcessStatistics;
  /** Whether a guard watches now. */
  readonly guardWatches: () => boolean;
  /** How many log lines were lost since the start. */
  readonly logLinesLost: () => number;
  /** The clock, in milliseconds since the epoch; for tests. */
  readonly now?: () => number;
}

type NameOf<Type extends MetricDeclaration["type"]> = {
  [Name in MetricName]: typeof METRICS[Name]["type"] extends Type ? Name : never;
}[MetricName];

type Labels = Readonly<Record<string, string>>;

const DECLARATIONS: readonly (readonly [string, MetricDeclaration])[] = Object.entries(METRICS);

/**
 * The metrics of `METRICS`, in a registry of their own, made from activities: give `take` to the feed.
 * What every request changes is only added up there, and put into the registry when it is asked for.
 */
export class Metrics {
  readonly #options: MetricsOptions;
  readonly #now: () => number;
  readonly #registry = new Registry();
  readonly #counters = new Map<string, PrometheusClient.Counter>();
  readonly #gauges = new Map<string, PrometheusClient.Gauge>();
  readonly #histograms = new Map<string, PrometheusClient.Histogram>();
  #portState: PortState | undefined;
  #received = 0;
  #sent = 0;
  #lastRequest: number | undefined;

  constructor(options: MetricsOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    for (const [name, declaration] of DECLARATIONS) this.#register(name, declaration);
    const { version, deno } = options;
    this.#set("qga_build_info", 1, { version, deno });
  }

  /** Takes what happened. */
  readonly take = (activity: Activity): void => {
    switch (activity.kind) {
      case "received":
        this.#received += activity.bytes;
        break;
      case "sent":
        this.#sent += activity.bytes;
        break;
      case "request":
        this.#takeRequest(activity);
        break;
      case "port":
        this.#takePortState(activity.state);
        break;
      case "parse-error":
        this.#add("qga_parse_errors_total");
        break;
      case "freeze-state":
        this.#set("qga_frozen", activity.state === "thawed" ? 0 : 1);
        this.#set("qga_frozen_file_systems", activity.count);
        break;
      case "freeze":
        this.#add("qga_freezes_total", 1, { outcome: activity.outcome });
        if (!activity.guarded && activity.outcome === "frozen") {
          this.#add("qga_unguarded_freezes_total");
        }
        break;
      case "thaw":
        this.#add("qga_thaws_total", 1, { reason: activity.reason });
        this.#observe("qga_freeze_duration_seconds", activity.frozenSeconds);
        break;
      case "last-freeze":
        this.#set("qga_last_freeze_timestamp_seconds", activity.since);
        this.#set("qga_last_freeze_duration_seconds", activity.seconds);
        this.#set("qga_last_freeze_file_systems", activity.count);
        this.#gauges.get("qga_last_freeze_ended_by")?.reset();
        this.#set("qga_last_freeze_ended_by", 1, { reason: activity.endedBy });
        break;
      case "thaw-failed":
        this.#add("qga_thaw_failures_total");
        break;
      case "trim":
        this.#add("qga_trimmed_bytes_total", activity.bytes);
        this.#add("qga_trim_failures_total", activity.failures);
        break;
      case "power":
        this.#add("qga_power_actions_total", 1, {
          action: activity.forced ? "forced-shutdown" : activity.action,
          result: activity.outcome,
        });
        break;
      case "talos-call": {
        const { method, code, seconds } = activity;
        this.#add("qga_talos_calls_total", 1, { method, code });
        this.#observe("qga_talos_call_duration_seconds", seconds, { method });
        break;
      }
      case "credentials":
        this.#takeCredentials(activity);
        break;
      default:
        activity satisfies never;
    }
  };

  /**
   * The text of all metrics.
   *
   * @throws Error when the kernel does not tell about this process
   */
  async render(format: MetricsFormat): Promise<string> {
    this.#replace("qga_received_bytes_total", this.#received);
    this.#replace("qga_sent_bytes_total", this.#sent);
    if (this.#lastRequest !== undefined) {
      this.#set("qga_last_request_timestamp_seconds", this.#lastRequest / 1000);
    }
    this.#set("qga_guard_watching", this.#options.guardWatches() ? 1 : 0);
    this.#replace("qga_log_lines_lost_total", this.#options.logLinesLost());
    const process = this.#options.processStatistics();
    this.#replace("process_cpu_seconds_total", process.cpuSeconds);
    this.#set("process_resident_memory_bytes", process.residentBytes);
    this.#set("process_start_time_seconds", process.startTime);
    this.#set("process_open_fds", process.openFiles);
    this.#set("process_max_fds", process.openFilesLimit);
    const text = await this.#registry.metrics();
    return format === "prometheus" ? text : asOpenMetrics(text);
  }

  #takeRequest(
    { command, family, outcome, seconds }: Extract<Activity, { kind: "request" }>,
  ): void {
    this.#lastRequest = this.#now();
    this.#add("qga_requests_total", 1, { command, outcome });
    this.#observe("qga_request_duration_seconds", seconds, { family });
    if (outcome === "blocked") this.#add("qga_blocked_commands_total");
  }

  #takePortState(state: PortState): void {
    if (this.#portState !== undefined && this.#portState !== state) {
      this.#add("qga_port_state_changes_total");
    }
    this.#portState = state;
    for (const each of PORT_STATES) {
      this.#set("qga_port_state", each === state ? 1 : 0, { state: each });
    }
  }

  #takeCredentials(
    { source, expires, error }: Extract<Activity, { kind: "credentials" }>,
  ): void {
    if (error !== undefined) this.#add("qga_talos_credentials_errors_total");
    if (expires === undefined) return;
    this.#gauges.get("qga_talos_credentials_info")?.reset();
    this.#set("qga_talos_credentials_info", 1, { kind: source });
    this.#set("qga_talos_credentials_expiry_timestamp_seconds", expires);
    this.#set("qga_talos_credentials_last_read_timestamp_seconds", this.#now() / 1000);
  }

  #register(name: string, declaration: MetricDeclaration): void {
    const { type, help, labels = {}, buckets } = declaration;
    const registers = [this.#registry];
    const configuration = { name, help: `${help}.`, labelNames: Object.keys(labels), registers };
    if (type === "counter") this.#counters.set(name, new Counter(configuration));
    else if (type === "gauge") this.#gauges.set(name, new Gauge(configuration));
    else {
      const histogram = new Histogram({ ...configuration, buckets: [...buckets ?? []] });
      this.#histograms.set(name, histogram);
    }
    if (declaration.absentAtFirst === true) {
      // prom-client starts a gauge without labels at 0.
      if (declaration.labels === undefined) this.#gauges.get(name)?.remove();
      return;
    }
    for (const series of allSeries(labels)) {
      this.#counters.get(name)?.inc(series, 0);
      this.#gauges.get(name)?.set(series, 0);
      this.#histograms.get(name)?.zero(series);
    }
  }

  #add(name: NameOf<"counter">, value = 1, labels: Labels = {}): void {
    this.#counters.get(name)?.inc(labels, value);
  }

  #replace(name: NameOf<"counter">, value: number): void {
    this.#counters.get(name)?.reset();
    this.#add(name, value);
  }

  #set(name: NameOf<"gauge">, value: number, labels: Labels = {}): void {
    this.#gauges.get(name)?.set(labels, value);
  }

  #observe(name: NameOf<"histogram">, seconds: number, labels: Labels = {}): void {
    this.#histograms.get(name)?.observe(labels, seconds);
  }
}

/** Every combination of label values; none when one of the labels' values are not listed. */
function allSeries(labels: NonNullable<MetricDeclaration["labels"]>): Labels[] {
  let series: Labels[] = [{}];
  for (const [name, values] of Object.entries(labels)) {
    if (typeof values === "string") return [];
    series = series.flatMap((labels) => values.map((value) => ({ ...labels, [name]: value })));
  }
  return series;
}

/**
 * The text format of Prometheus as OpenMetrics 1.0, where a counter is called without its `_total`.
 * (prom-client can do it, too, but renames its counters for good.)
 */
function asOpenMetrics(text: string): string {
  return `${text.replace(/^(# (?:HELP|TYPE) \S+)_total /gm, "$1 ").replace(/\n+/g, "\n")}# EOF\n`;
}
