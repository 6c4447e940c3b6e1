import assert from "node:assert/strict";
import { parse } from "yaml";
import { COMMANDS } from "../../agent/commands/all.ts";
import { OPTION_LIST } from "../../agent/config/options.ts";
import { TYPE_PREFIX } from "../harness/kubernetes/pod_types.ts";
import { CHART, HELM_VERSIONS, type HelmVersion, template } from "../harness/kubernetes/helm.ts";

/** A schema, as far as the chart's has it. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema;
  readonly oneOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly definitions?: Readonly<Record<string, Schema>>;
}

const TEXT = await Deno.readTextFile(`${CHART}/values.schema.json`);
const ROOT = JSON.parse(TEXT) as Schema;
const VALUES = parse(await Deno.readTextFile(`${CHART}/values.yaml`)) as Record<string, unknown>;

/** The schema that a reference stands for. */
function resolve(schema: Schema): Schema {
  if (schema.$ref === undefined) return schema;
  const target = ROOT.definitions?.[schema.$ref.replace("#/definitions/", "")];
  assert(target, `${schema.$ref} leads nowhere`);
  return resolve(target);
}

/** A value that breaks a rule, the path at which Helm must complain, and the rule. */
interface Violation {
  readonly path: string;
  readonly value: unknown;
  readonly rule: string;
}

/** Values that break the rules of a schema, each one rule, except those of its members. */
function* ownViolations(schema: Schema, path: string): Generator<Violation> {
  const types = [schema.type ?? []].flat();
  const violation = (rule: string, value: unknown): Violation => ({ path, value, rule });
  const wrong = [{}, [], true, 5.5, null, "-"].find((value) => !types.includes(typeName(value)));
  if (types.length > 0 || schema.oneOf || schema.anyOf) {
    const none = schema.oneOf ?? schema.anyOf;
    yield violation("type", none === undefined ? wrong : 5.5);
  }
  if (schema.const !== undefined) yield violation("const", "no such constant");
  if (schema.enum !== undefined) yield violation("enum", "no-such-choice");
  if (schema.minLength !== undefined) yield violation("minLength", "");
  if (schema.maxLength !== undefined) {
    yield violation("maxLength", "a".repeat(schema.maxLength + 1));
  }
  if (schema.minimum !== undefined) yield violation("minimum", schema.minimum - 1);
  if (schema.maximum !== undefined) yield violation("maximum", schema.maximum + 1);
  if (schema.additionalProperties === false) {
    yield violation("additionalProperties", { "no such value": true });
  }
  if (schema.required !== undefined) yield violation("required", { noSuchValue: true });
}

function typeName(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  return typeof value;
}

/** All violations, by their paths: `/image/tag`, `/imagePullSecrets/0`. */
function* violations(schema: Schema, path = ""): Generator<Violation> {
  const resolved = resolve(schema);
  yield* ownViolations(resolved, path);
  // What is within Kubernetes' own types is Kubernetes'.
  if (schema.$ref?.startsWith(`#/definitions/${TYPE_PREFIX}`)) return;
  for (const [name, member] of Object.entries(resolved.properties ?? {})) {
    yield* violations(member, `${path}/${name}`);
  }
  if (typeof resolved.additionalProperties === "object") {
    yield* violations(resolved.additionalProperties, `${path}/any`);
  }
  if (resolved.items !== undefined) yield* violations(resolved.items, `${path}/0`);
  for (const choice of [...resolved.oneOf ?? [], ...resolved.anyOf ?? []]) {
    yield* violations(choice, path);
  }
}

/** The values of violations, joined as far as they do not stand in each other's way. */
function* joined(all: Iterable<Violation>): Generator<readonly Violation[]> {
  let rest = [...all].filter(({ path }) => path !== "");
  while (rest.length > 0) {
    const taken: Violation[] = [];
    const left: Violation[] = [];
    for (const violation of rest) {
      const fits = taken.every(({ path }) =>
        !`${path}/`.startsWith(`${violation.path}/`) && !`${violation.path}/`.startsWith(`${path}/`)
      );
      (fits ? taken : left).push(violation);
    }
    yield taken;
    rest = left;
  }
}

function place(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [first = "", ...rest] = path;
  if (rest.length === 0) {
    target[first] = value;
  } else if (rest[0] === "0") {
    const [present] = (target[first] ?? [{}]) as readonly Record<string, unknown>[];
    const element = { "0": present };
    place(element, rest, value);
    target[first] = [element["0"]];
  } else {
    const child = (target[first] ?? {}) as Record<string, unknown>;
    target[first] = child;
    place(child, rest, value);
  }
}

async function complaints(version: HelmVersion, values: unknown): Promise<string> {
  const file = await Deno.makeTempFile({ suffix: ".json" });
  try {
    await Deno.writeTextFile(file, JSON.stringify(values));
    return (await template({ helm: version, valuesFiles: [file] })).stderr;
  } finally {
    await Deno.remove(file);
  }
}

for (const version of HELM_VERSIONS) {
  Deno.test(`Helm ${version} enforces every rule of the schema`, async () => {
    const all = [...violations(ROOT)];
    assert(all.length > 200, `only ${all.length} rules`);
    for (const together of joined(all)) {
      const values: Record<string, unknown> = {};
      for (const { path, value } of together) place(values, path.slice(1).split("/"), value);
      const heard = await complaints(version, values);
      for (const { path, rule } of together) {
        assert(heard.includes(`'${path}`), `${path} may break ${rule}:\n${heard}`);
      }
    }
  });
}

Deno.test("the schema is draft-07 and needs nothing from elsewhere", () => {
  assert.equal(JSON.parse(TEXT).$schema, "http://json-schema.org/draft-07/schema#");
  const references = [...TEXT.matchAll(/"\$ref": "([^"]*)"/g)].map(([, target = ""]) => target);
  assert(references.length > 0);
  for (const reference of references) assert.match(reference, /^#\/definitions\//);
  // What came after draft-07, Helm 3 would let pass.
  assert.doesNotMatch(TEXT, /"(?:unevaluated\w+|\$defs|dependentSchemas|prefixItems)"/);
});

Deno.test("each definition of the schema is used", () => {
  for (const name of Object.keys(ROOT.definitions ?? {})) {
    assert(TEXT.includes(`"#/definitions/${name}"`), name);
  }
});

Deno.test("the schema knows every value, and no others", () => {
  assertSame(VALUES, ROOT, "");
});

/** Compares the members of values with those of their schema, where it is a closed one. */
function assertSame(value: unknown, schema: Schema, path: string): void {
  const { properties, additionalProperties } = resolve(schema);
  if (typeName(value) !== "object" || properties === undefined) return;
  if (additionalProperties !== false && path !== "/global") return;
  if (schema.$ref?.startsWith(`#/definitions/${TYPE_PREFIX}`)) return;
  // Options of the agent have no defaults of their own here, and probes only those that matter.
  const optional = path === "/config" || path === "/dnsConfig" || path.endsWith("Probe");
  const members = value as Record<string, unknown>;
  const names = Object.keys(members);
  for (const name of names) assert(properties[name], `the schema lacks ${path}/${name}`);
  // An umbrella chart's, which Helm hands on; they say nothing here.
  const ofUmbrella = path === "" ? ["enabled", "tags"] : [];
  // Those of older charts, which reused values have.
  const gone = path === "/metrics/prometheusRule" ? ["disabledAlerts"] : [];
  for (const name of optional ? [] : Object.keys(properties)) {
    if ([...ofUmbrella, ...gone].includes(name)) continue;
    assert(name in members, `values.yaml lacks ${path}/${name}`);
  }
  for (const name of names) assertSame(members[name], properties[name] ?? {}, `${path}/${name}`);
}

Deno.test("commands are those of the agent", () => {
  const known = resolve({ $ref: "#/definitions/commandName" }).enum;
  assert.deepEqual(known, COMMANDS.map(({ name }) => name).toSorted());
});

Deno.test("config takes every option of the agent, and no others", () => {
  const known = Object.keys(resolve(ROOT.properties?.["config"] ?? {}).properties ?? {});
  const options = OPTION_LIST.filter(({ commandLineOnly }) => !commandLineOnly).map(({ name }) =>
    name
  );
  assert.deepEqual(known.toSorted(), options.toSorted());
});
