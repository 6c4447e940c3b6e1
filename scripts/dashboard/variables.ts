import {
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  VariableRefresh,
  VariableSort,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { agents, byNode } from "./expressions.ts";
import { DATA_SOURCE } from "./panels.ts";

/** The choice of a data source. */
export function dataSourceVariable(): DatasourceVariableBuilder {
  return new DatasourceVariableBuilder("datasource").label("Data source").type("prometheus");
}

/** The choice of jobs that agents are scraped by. */
export function jobVariable(): QueryVariableBuilder {
  const query = "label_values(qga_build_info, job)";
  return new QueryVariableBuilder("job").label("Job").datasource(DATA_SOURCE)
    .query({ query, refId: "job" }).definition(query)
    .refresh(VariableRefresh.OnTimeRangeChanged).sort(VariableSort.AlphabeticalAsc)
    .multi(true).includeAll(true).allValue(".+")
    .current({ text: "All", value: "$__all" });
}

/** The choice of an agent: its target's address is the value, and what is shown is the node's name. */
export function nodeVariable(): QueryVariableBuilder {
  const query = `query_result(${byNode(agents())})`;
  return new QueryVariableBuilder("instance").label("Node").datasource(DATA_SOURCE)
    .query({ query, refId: "instance" }).definition(query)
    .regex('/\\binstance="(?<value>[^"]+)|\\bnode="(?<text>[^"]+)/g')
    .refresh(VariableRefresh.OnTimeRangeChanged).sort(VariableSort.AlphabeticalAsc);
}
