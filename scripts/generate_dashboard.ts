// Prints a file of chart/files: the dashboard of Grafana, or panel-alerts.yaml, which names the alert that belongs to
// a panel. scripts/generate runs it.
//
//   generate_dashboard.ts dashboard|panel-alerts

import { stringify } from "yaml";
import { dashboard, panelAlerts } from "./dashboard/dashboard.ts";

const PANEL_ALERTS_INTRODUCTION =
  `# Made by \`scripts/generate\` from the panels in \`scripts/dashboard\`; do not edit.
#
# The alert that belongs to a panel of the dashboard, by the panel's title: the panel links to the alert's section of
# docs/reference/alerts.md.
`;

const FILES: Readonly<Record<string, () => string>> = {
  dashboard: () => JSON.stringify(dashboard(), undefined, 2),
  "panel-alerts": () => PANEL_ALERTS_INTRODUCTION + stringify(panelAlerts()),
};
const file = FILES[Deno.args[0] ?? ""];
if (file === undefined) throw new Error(`give one of ${Object.keys(FILES).join(", ")}`);
console.log(file().trimEnd());
