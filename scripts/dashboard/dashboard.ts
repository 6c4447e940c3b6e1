import {
  type Dashboard,
  DashboardBuilder,
  DashboardCursorSync,
  RowBuilder,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { allNodes } from "./all_nodes.ts";
import { freezeAnnotation, powerAnnotation } from "./annotations.ts";
import { oneNode } from "./one_node.ts";
import type { DashboardPanel } from "./panels.ts";
import { dataSourceVariable, jobVariable, nodeVariable } from "./variables.ts";

const ROWS: readonly { readonly title: string; readonly panels: readonly DashboardPanel[] }[] = [
  { title: "All nodes", panels: allNodes() },
  { title: "Node ${instance:text}", panels: oneNode() },
];

/** The dashboard as it is imported by hand; the chart gives that of a release a title and an identifier of its own. */
export function dashboard(): Dashboard {
  const builder = new DashboardBuilder("QEMU guest agent on Talos").uid("qemu-guest-agent-talos")
    .description(
      "The guest agents of all nodes, and one of them. Made for the chart qemu-guest-agent-talos.",
    )
    .tags(["talos", "qemu", "guest-agent"])
    .tooltip(DashboardCursorSync.Crosshair)
    .time({ from: "now-6h", to: "now" }).refresh("1m").timezone("browser")
    .withVariable(dataSourceVariable()).withVariable(jobVariable()).withVariable(nodeVariable())
    .annotation(freezeAnnotation()).annotation(powerAnnotation());
  for (const { title, panels } of ROWS) {
    builder.withRow(new RowBuilder(title));
    for (const { panel } of panels) builder.withPanel(panel);
  }
  const made = builder.build();
  // Grafana tells panels by them.
  made.panels?.forEach((panel, index) => panel.id = index + 1);
  return made;
}

/** The alert that belongs to a panel, by the panel's title. */
export function panelAlerts(): Readonly<Record<string, string>> {
  return Object.fromEntries(
    ROWS.flatMap(({ panels }) => panels).flatMap(({ title, alert }) =>
      alert === undefined ? [] : [[title, alert]]
    ),
  );
}
