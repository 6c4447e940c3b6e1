import type { MetricName } from "../../agent/metrics/metric_table.ts";

/** The targets of the jobs that are chosen. */
export const ALL_NODES = `job=~"$job"`;

/** The target that is chosen. */
export const ONE_NODE = `${ALL_NODES},instance="$instance"`;

/** What a target is told by, beside the node's name. */
export const TARGET = "job, instance, node";

/** How long a target is remembered to have been an agent. */
const MEMORY = "1d";

/** The metric of all nodes, or of another selection; `suffix` is that of a histogram's series. */
export function metric(name: MetricName, labels: string = ALL_NODES, suffix = ""): string {
  return `${name}${suffix}{${labels}}`;
}

/**
 * `up` of the agents, and of no other target that Prometheus has.
 *
 * One that is down serves nothing by which it could be told: it is an agent if it was one within the last day, or
 * if every target of its job that is up is one. The second is for those that have never been up.
 */
export function agents(labels: string = ALL_NODES): string {
  const known = `last_over_time(${metric("qga_build_info", labels)}[${MEMORY}])`;
  const now = metric("qga_build_info");
  const strangers = `(up{${ALL_NODES}} == 1 unless on (job, instance) ${now})`;
  return [
    `up{${labels}} and on (job, instance) ${known}`,
    `up{${labels}} and on (job) ${now} unless on (job) ${strangers}`,
  ].join(" or ");
}

/** The agents' part of an expression that others have, too, such as `process_start_time_seconds`. */
export function ofAgents(expr: string): string {
  return `${expr} and on (job, instance) ${metric("qga_build_info")}`;
}

/** An expression whose label `node` is the target's address where the scrape configuration gives it no node. */
export function withNode(expr: string): string {
  const both = `label_join(${expr}, "node", ";", "node", "instance")`;
  return `label_replace(${both}, "node", "$1", "node", ";?([^;]+).*")`;
}

/** An expression for each target, with the node's name, and with other labels if they are named. */
export function byNode(expr: string, ...labels: readonly string[]): string {
  return withNode(`max by (${[TARGET, ...labels].join(", ")}) (${expr})`);
}

/** How long a time of the epoch is ago, in seconds. */
export function age(timestamp: string): string {
  return `time() - ${timestamp}`;
}

/** How fast a counter grows, by the second, summed by labels. */
export function rate(counter: string, by = ""): string {
  return `${sum(by)} (rate(${counter}[$__rate_interval]))`;
}

/** By how much a counter has grown since the point of a graph before, summed by labels. */
export function increase(counter: string, by = ""): string {
  return `${sum(by)} (increase(${counter}[$__rate_interval]))`;
}

/** What 95 of 100 observations of a histogram do not exceed. */
export function percentile95(name: MetricName, labels: string, by: string): string {
  const buckets = rate(metric(name, labels, "_bucket"), by === "" ? "le" : `${by}, le`);
  return `histogram_quantile(0.95, ${buckets})`;
}

function sum(by: string): string {
  return by === "" ? "sum" : `sum by (${by})`;
}
