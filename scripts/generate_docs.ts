// Prints docs/commands.md, made from the commands' declarations. scripts/generate runs it.

import { COMMANDS } from "../agent/commands/all.ts";
import { DEFAULT_POLICY } from "../agent/commands/default_policy.ts";
import type { ArgumentDeclarations } from "../agent/protocol/argument_type.ts";
import type { CommandDeclaration } from "../agent/protocol/command.ts";

const INTRODUCTION = `# Commands

Made by \`scripts/generate\` from the declarations in \`agent/commands\`; do not edit.

Names, arguments and replies are those of QEMU's guest agent schema; _since_ is the QEMU version that
first had the command. An argument in brackets may be left out.

A command that is _blocked_ runs when \`--allow-rpcs\` names it, or when \`--block-rpcs\` is given and
does not name it: that list takes the place of the default, and an empty one blocks nothing. One that
_never_ runs cannot be opened, and one that _always_ runs cannot be blocked: without it no client gets
on. \`guest-info\` tells why a command is disabled, in the member \`disabled-reason\`.
`;

const HEADINGS = ["Command", "Since", "Arguments", "By default", "On Talos", "Capability"];

function describeArguments(declarations: ArgumentDeclarations): string {
  return Object.entries(declarations).map(([name, { type, required }]) => {
    const text = `\`${name}: ${type.name}\``;
    return required ? text : `[${text}]`;
  }).join(", ");
}

function describePolicy({ name, unblockable }: CommandDeclaration<ArgumentDeclarations>): string {
  if (unblockable) return "always";
  const rule = Object.hasOwn(DEFAULT_POLICY, name) ? DEFAULT_POLICY[name] : undefined;
  return rule === undefined ? "enabled" : `${rule.access}: ${rule.reason}`;
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

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
console.log([INTRODUCTION, row(HEADINGS), row(HEADINGS.map(() => "---")), ...rows].join("\n"));
