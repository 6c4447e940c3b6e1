// Prints a file of chart/files: commands.yaml, made from the commands' declarations, defaults.yaml, made from the
// chart's values and their schema, or formatted.yaml, made from the schema alone. scripts/generate runs it.
//
//   generate_chart.ts commands|defaults|formatted [CHART]
//
// CHART is the directory of the chart; default: that of the project.

import { parse, stringify } from "yaml";
import { COMMANDS } from "../agent/commands/all.ts";
import { resolveReference, type ValuesSchema } from "./values_schema.ts";

const COMMANDS_INTRODUCTION =
  `# Made by \`scripts/generate\` from the declarations in \`agent/commands\`; do not edit.
`;

const DEFAULTS_INTRODUCTION =
  `# Made by \`scripts/generate\` from values.yaml and values.schema.json; do not edit.
#
# What an empty key of a values file stands for, since Helm deletes the default: lists, and maps whose keys are the
# user's, are \`empty\`; all else is \`whole\`, as in values.yaml.
`;

const FORMATTED_INTRODUCTION = `# Made by \`scripts/generate\` from values.schema.json; do not edit.
#
# The values whose texts have a format of files/formats.yaml: by their names, \`*\` for any other and for the elements of
# a list, and an empty name for the value itself.
`;

const CHART = new URL(
  Deno.args[1] === undefined ? "../chart/" : `file://${await Deno.realPath(Deno.args[1])}/`,
  import.meta.url,
);
const schema = JSON.parse(
  Deno.readTextFileSync(new URL("values.schema.json", CHART)),
) as ValuesSchema;
const values: unknown = parse(Deno.readTextFileSync(new URL("values.yaml", CHART)));

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Undefined where null is a value of its own. */
function whenEmpty(value: unknown, reference: ValuesSchema): unknown {
  // As in a pod: a probe that is empty is none.
  if (reference.$ref === "#/definitions/probe") return {};
  // Without any field, as Kubernetes has it.
  if (reference.$ref?.startsWith("#/definitions/io.k8s.") === true) return {};
  const { properties, additionalProperties } = resolveReference(schema, reference);
  if (value === null) return undefined;
  if (Array.isArray(value)) return [];
  if (!isMap(value)) return value;
  // Those of `global` are known, beside those of other charts.
  if (properties === undefined || additionalProperties === undefined) return {};
  const members = Object.entries(value)
    .map(([name, inner]) => [name, whenEmpty(inner, properties[name] ?? {})] as const)
    .filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(members);
}

/** What NOTES must name when the values open it. */
function commands(): string {
  const closedByDefault = COMMANDS.filter(({ byDefault }) => byDefault?.access === "blocked")
    .map(({ name }) => name)
    .toSorted();
  return COMMANDS_INTRODUCTION + stringify({ closedByDefault });
}

function defaults(): string {
  return DEFAULTS_INTRODUCTION + stringify({ empty: whenEmpty(values, schema), whole: values });
}

/** A tree of formats: the value's own has an empty name. */
interface Formats {
  readonly [name: string]: string | Formats;
}

/** The formats of a value and of what is in it. */
function formatsOf(reference: ValuesSchema): Formats {
  const part = resolveReference(schema, reference);
  const { properties, patternProperties, additionalProperties, items } = part;
  const elements = [
    ...Object.values(patternProperties ?? {}),
    ...(typeof additionalProperties === "object" ? [additionalProperties] : []),
    ...(items === undefined ? [] : [items]),
  ];
  const members = [
    ...Object.entries(properties ?? {}),
    ...elements.map((element) => ["*", element] as const),
  ];
  const trees: Formats[] = [
    ...(part.format === undefined ? [] : [{ "": part.format }]),
    ...members.map(([name, member]) => ({ [name]: formatsOf(member) })),
    ...[...part.oneOf ?? [], ...part.anyOf ?? [], ...part.allOf ?? []].map(formatsOf),
  ];
  return trees.reduce(joined, {});
}

/** Two trees in one, without branches that bear nothing. */
function joined(left: Formats, right: Formats): Formats {
  const result: Record<string, string | Formats> = { ...left };
  for (const [name, tree] of Object.entries(right)) {
    const present = result[name];
    if (typeof tree === "object" && Object.keys(tree).length === 0) continue;
    result[name] = typeof tree === "object" && typeof present === "object"
      ? joined(present, tree)
      : tree;
  }
  return result;
}

function formatted(): string {
  return FORMATTED_INTRODUCTION + stringify(formatsOf(schema));
}

const FILES: Readonly<Record<string, () => string>> = { commands, defaults, formatted };
const file = FILES[Deno.args[0] ?? ""];
if (file === undefined) throw new Error(`give one of ${Object.keys(FILES).join(", ")}`);
console.log(file().trimEnd());
