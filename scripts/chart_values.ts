import type { OPTIONS } from "../agent/config/options.ts";

/** How the chart sets an option of the agent. */
export type ChartValue =
  /** These values of the chart set it. */
  | {
    readonly values: readonly string[];
    /** What the chart sets without them, where that is not the agent's default. */
    readonly otherwise?: string;
  }
  /** It would end or silence the agent's container, so the chart refuses it: why. */
  | { readonly refused: string };

/**
 * The options that the chart sets by values of its own, or refuses. All others that a file may have are set by
 * `config.<name>`. tests/chart/option_values_test.ts compares it with what the chart renders.
 */
export const CHART_VALUES: { readonly [Property in keyof typeof OPTIONS]?: ChartValue } = {
  logfile: { refused: "the pod's log would be empty" },
  pidfile: { refused: "nothing in the pod reads it" },
  daemonize: { refused: "the container would end at once" },
  statedir: {
    values: ["stateDirectory"],
    otherwise: "`/run/qemu-guest-agent-talos`",
  },
  blockRpcs: { values: ["commands.block"] },
  allowRpcs: { values: ["commands.allow"] },
  enableCommands: { values: ["commands.enable"] },
  disableCommands: { values: ["commands.disable"] },
  fsfreezeInclude: { values: ["freeze.include"] },
  fsfreezeExclude: { values: ["freeze.exclude"] },
  fsfreezeTimeoutMs: { values: ["freeze.timeout"] },
  fsfreezeAllowEmpty: { values: ["freeze.allowEmpty"] },
  interfacesInclude: { values: ["interfaces.include"] },
  interfacesExclude: { values: ["interfaces.exclude"] },
  talosconfig: { values: ["talos.auth"] },
  talosEndpoints: {
    values: ["config.talos-endpoint"],
    otherwise: "the node's own address, `status.hostIP`",
  },
  talosContext: { values: ["talos.context"] },
  talosSocket: { refused: "Talos lets no pod use its socket" },
  drainTimeoutMs: { values: ["talos.drainTimeout"] },
  rebootMode: { values: ["talos.rebootMode"] },
  listenAddress: {
    values: ["metrics.enabled", "metrics.address", "metrics.port"],
    otherwise: "the node's own address, `status.hostIP`",
  },
  readiness: { values: ["readiness"] },
  logFormat: { values: ["log.format"] },
  logLevel: { values: ["log.level"] },
  kubernetesEvents: { values: ["events.enabled"] },
};
