import { CHART, parseObjects, render } from "../harness/kubernetes/helm.ts";

const RELEASE = "agents";
const NAMESPACE = "monitoring-test";
const DASHBOARD = `${CHART}/files/dashboards/qemu-guest-agent-talos.json`;

/** The `job` that the rendered rules look for, as the chart's PodMonitor makes it. */
export const JOB = `${NAMESPACE}/${RELEASE}-qemu-guest-agent-talos`;

/** An alert of the chart. */
export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** A rule file of Prometheus: the spec of a PrometheusRule. */
export interface RuleFile {
  readonly groups: readonly { readonly name: string; readonly rules: readonly AlertRule[] }[];
}

/** Renders the chart's PrometheusRule, and gives its groups. */
export async function renderRules(): Promise<RuleFile> {
  const text = await render({
    release: RELEASE,
    namespace: NAMESPACE,
    args: [
      ...["--set", "metrics.prometheusRule.enabled=true"],
      ...["--show-only", "templates/prometheusrule.yaml"],
    ],
  });
  const [rule] = parseObjects(text);
  // The template is of that kind.
  return rule?.["spec"] as RuleFile;
}

/** What of a dashboard's panel is used here. */
export interface Panel {
  readonly title: string;
  readonly type: string;
  readonly gridPos: {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  };
  readonly targets?: readonly { readonly refId: string; readonly expr: string }[];
  readonly fieldConfig?: {
    readonly overrides?: readonly {
      readonly matcher: { readonly id: string; readonly options: string };
      readonly properties: readonly { readonly id: string; readonly value: unknown }[];
    }[];
  };
  readonly links?: readonly { readonly url: string }[];
}

/** A variable of a dashboard. */
export interface Variable {
  readonly name: string;
  readonly type: string;
  readonly query: string | { readonly query: string };
  readonly regex?: string;
}

/** A dashboard of Grafana. */
export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly schemaVersion: number;
  readonly templating: { readonly list: readonly Variable[] };
  readonly annotations: {
    readonly list: readonly { readonly name: string; readonly expr: string }[];
  };
  readonly links?: readonly { readonly url: string }[];
  readonly panels: readonly Panel[];
}

/** Reads the chart's dashboard. */
export async function readDashboard(): Promise<Dashboard> {
  // The file is the chart's own.
  return JSON.parse(await Deno.readTextFile(DASHBOARD)) as Dashboard;
}

/** Renders the dashboard of a release, as JSON. */
export async function renderDashboard(
  rendering: { readonly release?: string; readonly namespace?: string; readonly args?: string[] } =
    {},
): Promise<string> {
  const { release = RELEASE, namespace = NAMESPACE, args = [] } = rendering;
  const text = await render({
    release,
    namespace,
    args: [
      ...["--set", "metrics.dashboard.enabled=true", ...args],
      ...["--show-only", "templates/dashboard.yaml"],
    ],
  });
  const [configMap] = parseObjects(text);
  // The template is of that kind.
  const [json = ""] = Object.values(configMap?.["data"] as Record<string, string>);
  return json;
}

/** An expression with the panel that it is of. */
export interface PanelExpression {
  readonly panel: string;
  readonly expr: string;
}

/** The expressions of all panels, as they stand there. */
export function panelExpressions({ panels }: Dashboard): PanelExpression[] {
  return panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr }) => ({ panel: title, expr }))
  );
}

/** An expression as Grafana sends it, its variables replaced. */
export function withVariables(expr: string, job: string, instance: string): string {
  return expr.replaceAll("$__rate_interval", "1m").replaceAll("$__range", "1h")
    .replaceAll("$job", job).replaceAll("$instance", instance);
}

/** The choices that a variable has for the series that its query gives, as Grafana reads them with its `regex`. */
export function choices(
  { regex = "" }: Variable,
  series: readonly Readonly<Record<string, string>>[],
): { readonly text: string; readonly value: string }[] {
  const pattern = new RegExp(regex.replace(/^\/(.*)\/g$/, "$1"), "g");
  return series.map((labels) => {
    const written = Object.entries(labels).map(([name, value]) => `${name}="${value}"`).join(",");
    const groups = Array.from(`{${written}} 1`.matchAll(pattern), (match) => match.groups ?? {});
    const group = (name: string) => groups.find((each) => each[name] !== undefined)?.[name] ?? "";
    return { text: group("text"), value: group("value") };
  });
}
