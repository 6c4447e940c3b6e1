// Prints a page of docs/reference, made from declarations. scripts/generate runs it.
//
//   generate_docs.ts commands|metrics|options

import { COMMANDS } from "../agent/commands/all.ts";
import type { ArgumentDeclarations } from "../agent/protocol/argument_type.ts";
import type { AnyCommandDeclaration } from "../agent/protocol/command.ts";
import { type MetricDeclaration, METRICS } from "../agent/metrics/metric_table.ts";
import { environmentVariable, type Option } from "../agent/config/option.ts";
import { HOST_TREES } from "../agent/config/host_tree.ts";
import { OPTIONS } from "../agent/config/options.ts";
import { CHART_VALUES, type ChartValue } from "./chart_values.ts";

const COMMANDS_INTRODUCTION = `# Commands

Made by \`scripts/generate\` from the declarations in \`agent/commands\`; do not edit.

Names, arguments and replies are those of QEMU's guest agent schema; _since_ is the QEMU version that
first had the command. An argument in brackets may be left out.

A command that is _blocked_ runs when \`--enable-commands\` names it; \`--disable-commands\` takes others
away. qemu-ga's own lists take the place of the default: \`--allow-rpcs\` names all that run, and
\`--block-rpcs\` all that do not, so that an empty one blocks nothing. One that
_never_ runs cannot be opened, and one that _always_ runs cannot be blocked: without it no client gets
on. \`guest-info\` reports why a command is disabled, in the member \`disabled-reason\`.
`;

const METRICS_INTRODUCTION = `# Metrics

Made by \`scripts/generate\` from the table in \`agent/metrics/metric_table.ts\`; do not edit.

The agent serves them at \`/metrics\` of \`--listen-address\`, in Prometheus' text format, or in
OpenMetrics' when the request's \`accept\` asks for it. What a client sends never becomes a label: a
command that the agent does not know is called \`unknown\`. The metrics \`process_*\` are about the
agent's own process.

Whoever reaches the port can read them. There is no password and no TLS: to keep others out, let
\`--listen-address\` name an address that only Prometheus reaches, or \`none\`.
`;

const OPTIONS_INTRODUCTION = `# Options

Made by \`scripts/generate\` from the declarations in \`agent/config/options.ts\`; do not edit.

An option is given on the command line, by an environment variable, or in a file: the command line
counts before the environment, the environment before the file, and the file before the default. The
lists \`block-rpcs\` and \`allow-rpcs\` add up over all three, as with qemu-ga.

The file is the one that \`--config\` or \`QGA_CONF\` names, else /etc/qemu/qemu-ga.conf when there is
one. A name that ends in .yaml or .yml means YAML, whose keys are the options' names; any other file
is read as qemu-ga's key file, with the same keys below \`[general]\`. \`--dump-conf\` prints what is in
effect. The pod of the Helm chart has its file at /etc/qemu-guest-agent-talos/qga.yaml, made of the
chart's values.

\`\`\`yaml
# qga.yaml
talosconfig: /var/run/secrets/talos.dev
talos-endpoint: 192.0.2.10
drain-timeout: 45s
\`\`\`

Times are written as 500ms, 20s or 1m30s; a number alone is in seconds. A list is separated by
commas, or is a list of YAML. The sub-commands \`run\` (the default), \`call\`, \`check\` and \`guard\`
all take these options; \`qemu-ga-talos check --help\` and \`qemu-ga-talos guard --help\` tell what they
have besides.
`;

function describeArguments(declarations: ArgumentDeclarations): string {
  return Object.entries(declarations).map(([name, { type, required }]) => {
    const text = `\`${name}: ${type.name}\``;
    return required ? text : `[${text}]`;
  }).join(", ");
}

function describePolicy({ isSync, byDefault }: AnyCommandDeclaration): string {
  if (isSync) return "always";
  return byDefault === undefined ? "enabled" : `${byDefault.access}: ${byDefault.reason}`;
}

function describeLabels({ labels = {}, buckets }: MetricDeclaration): string {
  const described = Object.entries(labels).map(([name, values]) =>
    `\`${name}\`: ${typeof values === "string" ? values : values.join(", ")}`
  );
  if (buckets !== undefined) described.push(`\`le\`: ${buckets.join(", ")}`);
  return described.join("; ");
}

/** A section of a page: a heading with its marks, a sentence, and facts as a list. */
function section(heading: string, text: string, facts: readonly string[]): string {
  return [heading, text, facts.map((fact) => `- ${fact}`).join("\n")].join("\n\n");
}

function describeCommand(command: AnyCommandDeclaration): string {
  const described = describeArguments(command.arguments);
  return section(`## ${command.name}`, command.summary.replaceAll("*", "\\*"), [
    ...(described === "" ? [] : [`arguments: ${described}`]),
    `by default: ${describePolicy(command)}`,
    ...(command.capability === undefined ? [] : [`needs: ${command.capability}`]),
    `since QEMU ${command.since}`,
  ]);
}

function commandsPage(): string {
  const commands = COMMANDS.toSorted((one, other) => one.name < other.name ? -1 : 1);
  const named = (access: string) =>
    commands.filter(({ byDefault }) => byDefault?.access === access)
      .map(({ name }) => `[${name}](#${name})`).join(", ");
  return [
    COMMANDS_INTRODUCTION,
    `Blocked by default: ${named("blocked")}. Never run: ${named("never")}.`,
    ...commands.map(describeCommand),
  ].join("\n\n");
}

function metricsPage(): string {
  const declarations: readonly (readonly [string, MetricDeclaration])[] = Object.entries(METRICS);
  const metrics = declarations.map(([name, declaration]) => {
    const labels = describeLabels(declaration);
    return `- \`${name}\` (${declaration.type}): ${declaration.help}.` +
      (labels === "" ? "" : ` Labels: ${labels}.`);
  });
  return `${METRICS_INTRODUCTION}\n${metrics.join("\n")}`;
}

/** Where the chart has an option: values of its own, or `config`, which takes any that a file may have. */
function describeChartValue({ name, commandLineOnly }: Option, chart?: ChartValue): string {
  if (chart !== undefined && "refused" in chart) return `none: ${chart.refused}`;
  if (chart !== undefined) {
    const values = chart.values.map((value) => `\`${value}\``).join(", ");
    return chart.otherwise === undefined ? values : `${values}; without: ${chart.otherwise}`;
  }
  return commandLineOnly ? "none" : `\`config.${name}\``;
}

function describeFlag({ name, short, placeholder, choices, flagValue }: Option): string {
  const value = placeholder ?? choices?.join("|");
  const long = flagValue === undefined
    ? `--${name}${value === undefined ? "" : ` ${value}`}`
    : `--${name}[=${value}]`;
  return short === undefined ? `\`${long}\`` : `\`-${short}\`, \`${long}\``;
}

function describeDefault({ kind, tree, default: text }: Option): string {
  if (tree !== undefined) {
    return `\`${HOST_TREES[tree].inPod}\` when it exists, else \`${HOST_TREES[tree].own}\``;
  }
  if (kind === "boolean") return "off";
  if (text === undefined || text === "") return "none";
  return kind === "list" ? text.split(",").map((item) => `\`${item}\``).join(", ") : `\`${text}\``;
}

/** A sentence of the help text, in which Markdown's own characters stand for themselves. */
function sentence(help: string): string {
  const text = help.replaceAll(/--[a-z][a-z-]*|QGA_[A-Z_]+|''|'[a-z]+'/g, "`$&`")
    .replaceAll("*", "\\*");
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function describeOption(option: Option, chart?: ChartValue): string {
  const inEnvironment = !option.commandLineOnly || option.name === "config";
  const keys = [option.name, ...(option.otherKeys ?? [])].map((key) => `\`${key}\``);
  const facts = [
    `flag: ${describeFlag(option)}`,
    ...(inEnvironment ? [`environment: \`${environmentVariable(option)}\``] : []),
    ...(option.commandLineOnly ? [] : [`file: ${keys.join(", ")}`]),
    `chart: ${describeChartValue(option, chart)}`,
    ...(option.choices === undefined ? [] : [
      `one${option.kind === "list" ? " or more" : ""} of: ${
        option.choices.map((choice) => `\`${choice}\``).join(", ")
      }`,
    ]),
    ...(option.commandLineOnly ? [] : [`default: ${describeDefault(option)}`]),
  ];
  return section(`### ${option.name}`, sentence(option.help), facts);
}

function optionsPage(): string {
  const declarations: readonly (readonly [string, Option])[] = Object.entries(OPTIONS);
  const charts: Readonly<Record<string, ChartValue>> = CHART_VALUES;
  const group = (title: string, isIn: (option: Option) => boolean) => [
    `## ${title}`,
    ...declarations.filter(([, option]) => isIn(option))
      .map(([property, option]) => describeOption(option, charts[property])),
  ];
  return [
    OPTIONS_INTRODUCTION,
    ...group("Options of this agent", ({ qemuGa }) => !qemuGa),
    ...group("Options of qemu-ga", ({ qemuGa }) => qemuGa === true),
  ].join("\n\n");
}

const PAGES: Readonly<Record<string, () => string>> = {
  commands: commandsPage,
  metrics: metricsPage,
  options: optionsPage,
};
const page = PAGES[Deno.args[0] ?? ""];
if (page === undefined) throw new Error(`give one of ${Object.keys(PAGES).join(", ")}`);
console.log(page());
