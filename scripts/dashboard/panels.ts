import type { Builder } from "@grafana/grafana-foundation-sdk/cog";
import {
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  type DataSourceRef,
  GraphDrawStyle,
  LegendDisplayMode,
  LegendPlacement,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizTooltipOptionsBuilder,
} from "@grafana/grafana-foundation-sdk/common";
import {
  type DynamicConfigValue,
  FieldColorBuilder,
  FieldColorModeId,
  MappingType,
  type Panel,
  ThresholdsConfigBuilder,
  ThresholdsMode,
  type ValueMapping,
} from "@grafana/grafana-foundation-sdk/dashboard";
import { DataqueryBuilder } from "@grafana/grafana-foundation-sdk/prometheus";
import { PanelBuilder as StatBuilder } from "@grafana/grafana-foundation-sdk/stat";
import { PanelBuilder as TimeseriesBuilder } from "@grafana/grafana-foundation-sdk/timeseries";

/** The data source that is chosen. */
export const DATA_SOURCE: DataSourceRef = { type: "prometheus", uid: "${datasource}" };

/** A panel, and the alert whose section of docs/reference/alerts.md says what to do about it. */
export interface DashboardPanel {
  readonly title: string;
  readonly panel: Builder<Panel>;
  readonly alert?: string;
}

/** A colour for values from a limit on; the first is `null`. */
export interface Step {
  readonly from: number | null;
  readonly color: string;
}

/** A text for a value, and its colour. */
export interface ValueText {
  readonly text?: string;
  readonly color?: string;
}

/** What a panel shows. */
export interface Query {
  readonly expr: string;
  /** Name of the series; labels in `{{}}`. */
  readonly legend?: string;
  /** Colours of this query's values alone. */
  readonly steps?: readonly Step[];
}

/** What all panels have. */
interface Options {
  readonly title: string;
  readonly description: string;
  readonly queries: readonly Query[];
  /** A unit of Grafana's. */
  readonly unit?: string;
  readonly alert?: string;
}

/** A panel with a big value for each series. */
export interface StatOptions extends Options {
  readonly steps?: readonly Step[];
  /** Shows the series' name in place of its value. */
  readonly showsName?: boolean;
  readonly texts?: Readonly<Record<string, ValueText>>;
  /** Of the 24 columns. Default: 4. */
  readonly width?: number;
}

/** A panel with curves, or with bars for what happens now and then. */
export interface GraphOptions extends Options {
  readonly bars?: boolean;
  readonly stacked?: boolean;
}

/** Without a limit of its own nothing is good or bad. */
const NEUTRAL: readonly Step[] = [{ from: null, color: "blue" }];

/** Colours by limits. */
export function thresholds(steps: readonly Step[]): ThresholdsConfigBuilder {
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute)
    .steps(steps.map(({ from, color }) => ({ value: from, color })));
}

/** Colours by limits, for the fields of an override. */
export function thresholdProperties(steps: readonly Step[]): DynamicConfigValue[] {
  return [
    { id: "thresholds", value: thresholds(steps).build() },
    { id: "color", value: { mode: FieldColorModeId.Thresholds } },
  ];
}

/** Texts and colours by value. */
export function valueTexts(texts: Readonly<Record<string, ValueText>>): ValueMapping[] {
  return [{ type: MappingType.ValueToText, options: texts }];
}

/** Makes a panel with big values. */
export function stat(options: StatOptions): DashboardPanel {
  const { title, description, queries, unit = "short", alert, steps = NEUTRAL } = options;
  const { showsName = false, texts, width = 4 } = options;
  const several = queries.length > 1 ? BigValueTextMode.Auto : BigValueTextMode.Value;
  const panel = new StatBuilder().title(title).description(description).datasource(DATA_SOURCE)
    .span(width).height(4)
    .unit(unit).noValue("none")
    .thresholds(thresholds(steps))
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Thresholds))
    .colorMode(BigValueColorMode.Background).graphMode(BigValueGraphMode.None)
    .textMode(showsName ? BigValueTextMode.Name : several)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(["lastNotNull"]).values(false).fields(""));
  if (texts !== undefined) panel.mappings(valueTexts(texts));
  queries.forEach((query, index) => {
    const refId = refIdOf(index);
    panel.withTarget(dataQuery(refId, query).instant());
    if (query.steps !== undefined) panel.overrideByQuery(refId, thresholdProperties(query.steps));
  });
  return { title, panel, ...(alert === undefined ? {} : { alert }) };
}

/** Makes a panel with curves or bars. */
export function graph(options: GraphOptions): DashboardPanel {
  const { title, description, queries, unit = "short", alert } = options;
  const { bars = false, stacked = false } = options;
  const panel = new TimeseriesBuilder().title(title).description(description)
    .datasource(DATA_SOURCE)
    .span(12).height(8)
    .unit(unit).min(0)
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.PaletteClassic))
    .drawStyle(bars ? GraphDrawStyle.Bars : GraphDrawStyle.Line)
    .lineWidth(1).fillOpacity(bars || stacked ? 60 : 10).showPoints(VisibilityMode.Never)
    .stacking(
      new StackingConfigBuilder().group("A").mode(
        stacked ? StackingMode.Normal : StackingMode.None,
      ),
    )
    .legend(
      new VizLegendOptionsBuilder().displayMode(LegendDisplayMode.List)
        .placement(LegendPlacement.Bottom).showLegend(true).calcs([]),
    )
    .tooltip(
      new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending),
    );
  queries.forEach((query, index) => panel.withTarget(dataQuery(refIdOf(index), query).range()));
  return { title, panel, ...(alert === undefined ? {} : { alert }) };
}

function dataQuery(refId: string, { expr, legend = "" }: Query): DataqueryBuilder {
  return new DataqueryBuilder().refId(refId).datasource(DATA_SOURCE).expr(expr)
    .legendFormat(legend);
}

/** A, B and so on, as Grafana names queries. */
function refIdOf(index: number): string {
  return String.fromCharCode("A".charCodeAt(0) + index);
}
