// Prints docs/reference/commands.md or docs/reference/metrics.md, made from declarations. scripts/generate runs it.
//
//   generate_docs.ts commands|metrics

import { COMMANDS } from "../agent/commands/all.ts";
import type { ArgumentDeclarations } from "../agent/protocol/argument_type.ts";
import type { AnyCommandDeclaration } from "../agent/protocol/command.ts";
import { type MetricDeclaration, METRICS } from "../agent/metrics/metric_table.ts";

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

const COMMAND_HEADINGS = ["Command", "Since", "Arguments", "By default", "On Talos", "Capability"];

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

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

const METRIC_HEADINGS = ["Metric", "Type", "Labels", "Meaning"];

function describeLabels({ labels = {}, buckets }: MetricDeclaration): string {
  const described = Object.entries(labels).map(([name, values]) =>
    `\`${name}\`: ${typeof values === "string" ? values : values.join(", ")}`
  );
  if (buckets !== undefined) described.push(`\`le\`: ${buckets.join(", ")}`);
  return described.join("; ");
}

function table(introduction: string, headings: readonly string[], rows: readonly string[]): string {
  return [introduction, row(headings), row(headings.map(() => "---")), ...rows].join("\n");
}

function commandsPage(): string {
  const rows = COMMANDS.toSorted((one, other) => one.name < other.name ? -1 : 1)
    .map((command) =>
      row([
        `\`${command.name}\``,
        command.since,
        describeArguments(command.arguments),
        describePolicy(command),
        command.summary,
        command.capability ?? "",
      ])
    );
  return table(COMMANDS_INTRODUCTION, COMMAND_HEADINGS, rows);
}

function metricsPage(): string {
  const declarations: readonly (readonly [string, MetricDeclaration])[] = Object.entries(METRICS);
  const rows = declarations.map(([name, declaration]) => {
    const { type, help } = declaration;
    return row([`\`${name}\``, type, describeLabels(declaration), `${help}.`]);
  });
  return table(METRICS_INTRODUCTION, METRIC_HEADINGS, rows);
}

const PAGES: Readonly<Record<string, () => string>> = {
  commands: commandsPage,
  metrics: metricsPage,
};
const page = PAGES[Deno.args[0] ?? ""];
if (page === undefined) throw new Error(`give one of ${Object.keys(PAGES).join(", ")}`);
console.log(page());
