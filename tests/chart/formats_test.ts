import assert from "node:assert/strict";
import { parse } from "yaml";
import { resolveReference, type ValuesSchema } from "../../scripts/values_schema.ts";
import { CHART, HELM_VERSIONS, type HelmVersion, template } from "../harness/kubernetes/helm.ts";

/** What files/formatted.yaml has: the format of a value itself has an empty name. */
interface Formatted {
  readonly [name: string]: string | Formatted;
}

const SCHEMA = await Deno.readTextFile(`${CHART}/values.schema.json`);
const ROOT = JSON.parse(SCHEMA) as ValuesSchema;
const FORMATS = parse(await Deno.readTextFile(`${CHART}/files/formats.yaml`)) as Readonly<
  Record<string, { readonly pattern: string; readonly wanted: string }>
>;
const FORMATTED = parse(await Deno.readTextFile(`${CHART}/files/formatted.yaml`)) as Formatted;

/** A text of no format. */
const WRONG = "\u00e9 =/: ";

/** The name that a member of a map gets where any is right. */
const ANY_NAME = "memory";

const resolve = (part: ValuesSchema): ValuesSchema => resolveReference(ROOT, part);

/** The paths of all values with a format, `*` for any member, each with the format. */
function* leaves(
  tree: Formatted,
  path: readonly string[] = [],
): Generator<{ readonly path: readonly string[]; readonly format: string }> {
  for (const [name, inner] of Object.entries(tree)) {
    if (typeof inner === "string") yield { path, format: inner };
    else yield* leaves(inner, [...path, name]);
  }
}

/** What is below a schema by that name, or undefined; looks into the choices, too. */
function member(schema: ValuesSchema, name: string): ValuesSchema | undefined {
  const { properties, additionalProperties, patternProperties, items } = schema;
  const any = items ?? Object.values(patternProperties ?? {})[0] ??
    (typeof additionalProperties === "object" ? additionalProperties : undefined);
  return name === "*" ? any : properties?.[name];
}

/** Values with the wrong text at a path, and what else they must have there. */
function wrongValues(reference: ValuesSchema, [first, ...rest]: readonly string[]): unknown {
  if (first === undefined) return WRONG;
  const schema = resolve(reference);
  const choices = [schema.oneOf ?? [], schema.anyOf ?? [], schema.allOf ?? []].flat().map(resolve);
  const part = [schema, ...choices].find((one) => member(one, first) !== undefined);
  const below = part && member(part, first);
  assert(part && below, `the schema has no ${first}`);
  const value = wrongValues(below, rest);
  if (part.items !== undefined) return [value];
  const siblings = (part.required ?? []).map((name) =>
    [name, resolve(part.properties?.[name] ?? {}).type === "array" ? [] : "a"] as const
  );
  return { ...Object.fromEntries(siblings), [first === "*" ? ANY_NAME : first]: value };
}

async function complaint(helm: HelmVersion, values: unknown): Promise<string> {
  const file = await Deno.makeTempFile({ suffix: ".json" });
  try {
    await Deno.writeTextFile(file, JSON.stringify(values));
    return (await template({ helm, valuesFiles: [file] })).stderr;
  } finally {
    await Deno.remove(file);
  }
}

Deno.test("a text of the wrong format is refused in words, wherever it is", async () => {
  const all = [...leaves(FORMATTED)];
  assert(all.length > 80, `only ${all.length} texts have a format`);
  const check = async (
    { path, format }: { readonly path: readonly string[]; readonly format: string },
    index: number,
  ): Promise<void> => {
    // Each of them on one of the versions: the templates are the same.
    const helm = HELM_VERSIONS[index % HELM_VERSIONS.length] ?? 4;
    const said = await complaint(helm, wrongValues(ROOT, path));
    const name = path.join("\\.").replaceAll("*", `(0|${ANY_NAME})`);
    const wanted = FORMATS[format]?.wanted ?? "no such format";
    assert.match(said, new RegExp(`: ${name} is "`), path.join("."));
    assert(said.includes(`: set ${wanted}.`), `${path.join(".")}: ${said}`);
  };
  for (let start = 0; start < all.length; start += 4) {
    await Promise.all(all.slice(start, start + 4).map((one, at) => check(one, start + at)));
  }
});

Deno.test("the schema shows no pattern to anyone, and formats are those that it names", () => {
  assert.doesNotMatch(SCHEMA, /"pattern":/);
  const named = [...SCHEMA.matchAll(/"format": "([^"]*)"/g)].map(([, name]) => name);
  assert.deepEqual([...new Set(named)].sort(), Object.keys(FORMATS).sort());
});
