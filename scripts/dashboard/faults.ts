import type { MetricName } from "../../agent/metrics/metric_table.ts";
import { increase, metric } from "./expressions.ts";
import type { Query } from "./panels.ts";

/** Counters that should stand still. */
const FAULTS: readonly { readonly counter: MetricName; readonly name: string }[] = [
  { counter: "qga_thaw_failures_total", name: "thaw failed" },
  { counter: "qga_unguarded_freezes_total", name: "freeze without guard" },
  { counter: "qga_trim_failures_total", name: "trim failed" },
  { counter: "qga_talos_credentials_errors_total", name: "credentials not read" },
  { counter: "qga_log_lines_lost_total", name: "log line lost" },
  { counter: "qga_port_state_changes_total", name: "port changed its state" },
];

/** How often each fault has happened. */
export function faults(labels: string): readonly Query[] {
  return FAULTS.map(({ counter, name }) => ({
    expr: increase(metric(counter, labels)),
    legend: name,
  }));
}
