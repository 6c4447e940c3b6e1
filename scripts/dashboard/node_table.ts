import { TableCellHeight } from "@grafana/grafana-foundation-sdk/common";
import {
  type DataTransformerConfig,
  type DynamicConfigValue,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { DataqueryBuilder, PromQueryFormat } from "@grafana/grafana-foundation-sdk/prometheus";
import { PanelBuilder } from "@grafana/grafana-foundation-sdk/table";
import { PORT_STATES, type PortState } from "../../agent/activity/activity.ts";
import { THAW_REASONS, type ThawReason } from "../../agent/activity/thaw_reason.ts";
import { CREDENTIALS, timeLeft, timeLeftSteps } from "./certificates.ts";
import { age, agents, ALL_NODES, byNode, metric } from "./expressions.ts";
import {
  type DashboardPanel,
  DATA_SOURCE,
  thresholdProperties,
  type ValueText,
  valueTexts,
} from "./panels.ts";

/** A column, and the query that it comes from. */
interface Column {
  /** Of the query. */
  readonly name: string;
  readonly title: string;
  readonly expr: string;
  /** The label that is shown; the value if there is none. */
  readonly label?: string;
  readonly properties?: readonly DynamicConfigValue[];
}

/** Says that a column's text has its value's colour. */
const COLORED = { id: "custom.cellOptions", value: { type: "color-text" } };

const SECONDS = { id: "unit", value: "s" };

const PORT_COLORS: Readonly<Record<PortState, string>> = {
  absent: "red",
  busy: "orange",
  waiting: "blue",
  connected: "green",
  "not-a-guest": "text",
};

/** A backup is consistent only if a client has ended its freeze. */
function reasonColor(reason: ThawReason): string {
  return reason === "command" ? "green" : "orange";
}

function colors<T extends string>(
  values: readonly T[],
  color: (value: T) => string,
): Record<string, ValueText> {
  return Object.fromEntries(values.map((value) => [value, { text: value, color: color(value) }]));
}

function colored(texts: Readonly<Record<string, ValueText>>): readonly DynamicConfigValue[] {
  return [{ id: "mappings", value: valueTexts(texts) }, COLORED];
}

const COLUMNS: readonly Column[] = [
  {
    name: "up",
    title: "Agent",
    expr: byNode(agents()),
    properties: colored({ 0: { text: "down", color: "red" }, 1: { text: "up", color: "green" } }),
  },
  {
    name: "port",
    title: "Port",
    expr: byNode(`${metric("qga_port_state")} == 1`, "state"),
    label: "state",
    properties: colored(colors(PORT_STATES, (state) => PORT_COLORS[state])),
  },
  {
    name: "version",
    title: "Version",
    expr: byNode(metric("qga_build_info"), "version"),
    label: "version",
  },
  {
    name: "request",
    title: "Last request, ago",
    expr: byNode(age(metric("qga_last_request_timestamp_seconds"))),
    properties: [SECONDS],
  },
  {
    name: "freeze",
    title: "Last freeze, ago",
    expr: byNode(age(metric("qga_last_freeze_timestamp_seconds"))),
    properties: [SECONDS],
  },
  {
    name: "duration",
    title: "It lasted",
    expr: byNode(metric("qga_last_freeze_duration_seconds")),
    properties: [SECONDS],
  },
  {
    name: "reason",
    title: "It was ended by",
    expr: byNode(metric("qga_last_freeze_ended_by"), "reason"),
    label: "reason",
    properties: colored(colors(THAW_REASONS, reasonColor)),
  },
  ...CREDENTIALS.map(({ source, name }) => ({
    name: source,
    title: `Certificate (${name}) ends in`,
    expr: byNode(timeLeft(source, ALL_NODES)),
    properties: [SECONDS, COLORED, ...thresholdProperties(timeLeftSteps(source))],
  })),
];

/** The field that a column shows, as Grafana names it. */
function fieldOf({ name, label }: Column): string {
  return label ?? `Value #${name}`;
}

/** Makes one row of what each query gives for a target, and keeps what is shown, in order. */
function transformations(): DataTransformerConfig[] {
  const fields = ["node", "instance", ...COLUMNS.map(fieldOf)];
  const hidden = [
    "Time",
    "job",
    ...COLUMNS.flatMap(({ name, label }) => label === undefined ? [] : [`Value #${name}`]),
  ];
  return [
    { id: "merge", options: {} },
    {
      id: "organize",
      options: {
        excludeByName: Object.fromEntries(hidden.map((field) => [field, true])),
        indexByName: Object.fromEntries(fields.map((field, index) => [field, index])),
        renameByName: {},
      },
    },
  ];
}

/** Chooses the row's node for the second half of the dashboard. */
const LINK = {
  title: "Show this node below",
  url:
    "/d/${__dashboard.uid}?${datasource:queryparam}&${job:queryparam}&var-instance=${__data.fields.instance}&${__url_time_range}",
};

/** The table with a row for each node. */
export function nodeTable(): DashboardPanel {
  const title = "Nodes";
  const panel = new PanelBuilder().title(title)
    .description(
      "What ended a freeze: with anything but command the backup made meanwhile is not consistent. A certificate is " +
        "orange from when its alert fires on.",
    )
    .datasource(DATA_SOURCE).span(24).height(10)
    .cellHeight(TableCellHeight.Sm).filterable(true)
    .transformations(transformations())
    .overrideByName("node", [
      { id: "displayName", value: "Node" },
      { id: "links", value: [LINK] },
    ])
    .overrideByName("instance", [{ id: "displayName", value: "Address" }]);
  for (const column of COLUMNS) {
    panel.withTarget(
      new DataqueryBuilder().refId(column.name).datasource(DATA_SOURCE).expr(column.expr)
        .format(PromQueryFormat.Table).instant(),
    );
    panel.overrideByName(fieldOf(column), [
      { id: "displayName", value: column.title },
      ...column.properties ?? [],
    ]);
  }
  return { title, panel };
}
