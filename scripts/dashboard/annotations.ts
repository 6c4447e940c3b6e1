import { AnnotationQueryBuilder } from "@grafana/grafana-foundation-sdk/dashboard";
import { metric, withNode } from "./expressions.ts";
import { DATA_SOURCE } from "./panels.ts";

function annotation(name: string, color: string): AnnotationQueryBuilder {
  return new AnnotationQueryBuilder().name(name).datasource(DATA_SOURCE).enable(true)
    .iconColor(color).step("1m");
}

/** Marks the beginning of each freeze, at the time that the agent tells. */
export function freezeAnnotation(): AnnotationQueryBuilder {
  const begin = metric("qga_last_freeze_timestamp_seconds");
  const reason = `on (job, instance) group_left (reason) ${metric("qga_last_freeze_ended_by")}`;
  return annotation("Freezes", "light-blue")
    .expr(withNode(`1000 * ${begin} * ${reason}`))
    .useValueForTime(true)
    .titleFormat("Freeze on {{node}}").textFormat("ended by {{reason}}");
}

/** Marks each power action, from the first scrape that tells of it on. */
export function powerAnnotation(): AnnotationQueryBuilder {
  return annotation("Power actions", "orange")
    .expr(withNode(`increase(${metric("qga_power_actions_total")}[2m]) > 0`))
    .titleFormat("{{action}} of {{node}}").textFormat("{{result}}");
}
