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
interface Panel {
  readonly title?: string;
  readonly type: string;
  readonly targets?: readonly { readonly expr: string }[];
  readonly panels?: readonly Panel[];
}

/** A dashboard of Grafana. */
export interface Dashboard {
  readonly title: string;
  readonly schemaVersion: number;
  readonly templating: {
    readonly list: readonly { readonly name: string; readonly type: string }[];
  };
  readonly panels: readonly Panel[];
}

/** Reads the chart's dashboard. */
export async function readDashboard(): Promise<Dashboard> {
  // The file is the chart's own.
  return JSON.parse(await Deno.readTextFile(DASHBOARD)) as Dashboard;
}

/** An expression with the panel that it is of. */
export interface PanelExpression {
  readonly panel: string;
  readonly expr: string;
}

/** The expressions of all panels, as they stand there. */
export function panelExpressions({ panels }: Dashboard): PanelExpression[] {
  return panels.flatMap((panel) => [panel, ...panel.panels ?? []]).flatMap((panel) =>
    (panel.targets ?? []).map(({ expr }) => ({ panel: panel.title ?? panel.type, expr }))
  );
}

/** An expression as Grafana sends it, its variables replaced. */
export function withVariables(expr: string, job: string, instance: string): string {
  return expr.replaceAll("$__rate_interval", "1m").replaceAll("$__range", "1h")
    .replaceAll("$job", job).replaceAll("$instance", instance);
}
