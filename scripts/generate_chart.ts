// Prints a file of chart/files: commands.yaml, made from the commands' declarations, or defaults.yaml, made from the
// chart's values and their schema. scripts/generate runs it.
//
//   generate_chart.ts commands|defaults

import { parse, stringify } from "yaml";
import { COMMANDS } from "../agent/commands/all.ts";

/** The part of a JSON schema that says what a value is. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: unknown;
  readonly definitions?: Readonly<Record<string, Schema>>;
}

const COMMANDS_INTRODUCTION =
  `# Made by \`scripts/generate\` from the declarations in \`agent/commands\`; do not edit.
`;

const DEFAULTS_INTRODUCTION =
  `# Made by \`scripts/generate\` from values.yaml and values.schema.json; do not edit.
#
# What an empty key of a values file stands for, since Helm deletes the default: lists, and maps whose keys are the
# user's, are \`empty\`; all else is \`whole\`, as in values.yaml.
`;

const CHART = new URL("../chart/", import.meta.url);
const schema = JSON.parse(Deno.readTextFileSync(new URL("values.schema.json", CHART))) as Schema;
const values: unknown = parse(Deno.readTextFileSync(new URL("values.yaml", CHART)));

function resolve(part: Schema): Schema {
  const name = part.$ref?.replace("#/definitions/", "");
  return name === undefined ? part : resolve(schema.definitions?.[name] ?? {});
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Undefined where null is a value of its own. */
function whenEmpty(value: unknown, reference: Schema): unknown {
  // As in a pod: a probe that is empty is none.
  if (reference.$ref === "#/definitions/probe") return {};
  // Without any field, as Kubernetes has it.
  if (reference.$ref?.startsWith("#/definitions/io.k8s.") === true) return {};
  const { properties, additionalProperties } = resolve(reference);
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

const FILES: Readonly<Record<string, () => string>> = { commands, defaults };
const file = FILES[Deno.args[0] ?? ""];
if (file === undefined) throw new Error(`give one of ${Object.keys(FILES).join(", ")}`);
console.log(file().trimEnd());
