/** Values with a mistake in them: Helm names the value, or the API server takes what is rendered. */

import assert from "node:assert/strict";
import { parse, stringify } from "yaml";
import type { ControlPlane } from "../harness/kubernetes/control_plane.ts";
import { randomNumbers } from "../harness/random.ts";
import {
  CHART,
  modeName,
  parseObjects,
  template,
  valuesFiles,
} from "../harness/kubernetes/helm.ts";

/** How many mutations; VALUES_MUTATIONS changes it. */
const MUTATIONS = Number(Deno.env.get("VALUES_MUTATIONS") ?? 500);
/** VALUES_SEED changes it. */
const SEED = Number(Deno.env.get("VALUES_SEED") ?? 2026);
const NAMESPACE = "values-fuzz";
/** As many are rendered at a time. */
const AT_ONCE = 2;

/** What Helm says when a template, and not the chart's author, has found the mistake. */
const TRACE =
  /nil pointer|wrong type|error calling (?!include|fail)|parse error|can't evaluate|incompatible types|unable to parse/;

/** A dry run makes neither the namespace nor the ServiceAccount that others need. */
const MISSING = /namespaces ".*" not found|error looking up service account/;

/** What takes the place of a value. */
const REPLACEMENTS: readonly unknown[] = [
  ...[null, true, false, 0, 1, -1, 1.5, 70_000, 20_260_101_123_456],
  ...[
    "",
    " ",
    "a",
    "A b",
    "true",
    "1",
    "-",
    "a/b",
    "\u00e9",
    "a: b",
    "{{ .Values }}",
    "x".repeat(300),
  ],
  ...[[], [null], ["a"], [1], [{}], {}, { a: null }, { a: 1 }, { a: "b" }, { "A b": "c" }],
];

type Path = readonly (string | number)[];

/** A mistake: where, and the values with it. */
interface Mutation {
  readonly base: string;
  readonly path: Path;
  readonly put: unknown;
  readonly values: unknown;
}

function* paths(value: unknown, path: Path = []): Generator<Path> {
  if (path.length > 0) yield path;
  if (typeof value !== "object" || value === null) return;
  for (const [name, member] of Object.entries(value)) {
    yield* paths(member, [...path, Array.isArray(value) ? Number(name) : name]);
  }
}

/** A copy with another value at a path. */
function withValue(values: unknown, [first, ...rest]: Path, put: unknown): unknown {
  if (first === undefined) return put;
  if (Array.isArray(values)) {
    return values.map((item, index) => index === first ? withValue(item, rest, put) : item);
  }
  const members = values as Readonly<Record<string, unknown>>;
  return { ...members, [first]: withValue(members[first], rest, put) };
}

/** Values over others, as Helm lays them. */
function merged(below: unknown, above: unknown): unknown {
  if (!isMap(below) || !isMap(above)) return above;
  const result: Record<string, unknown> = { ...below };
  for (const [name, value] of Object.entries(above)) result[name] = merged(below[name], value);
  return result;
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

async function mutations(): Promise<readonly Mutation[]> {
  const random = randomNumbers(SEED);
  const pick = <T>(list: readonly T[]): T => {
    const picked = list[Math.floor(random() * list.length)];
    if (picked === undefined) throw new Error("nothing to pick from");
    return picked;
  };
  const defaults: unknown = parse(await Deno.readTextFile(`${CHART}/values.yaml`));
  const bases = await Promise.all((await valuesFiles()).map(async (file) => {
    const values = merged(defaults, parse(await Deno.readTextFile(file)) ?? {});
    // What these hold can be anything.
    const all = [...paths(values)].filter((path) =>
      !path.includes("extraObjects") && !path.includes("extraSpec")
    );
    return { name: modeName(file), values, all };
  }));
  return Array.from({ length: MUTATIONS }, () => {
    const { name, values, all } = pick(bases);
    const path = pick(all);
    const misspelt = random() < 1 / 8;
    const at = misspelt ? [...path.slice(0, -1), `${path.at(-1)}x`] : path;
    const put = pick(REPLACEMENTS);
    return { base: name, path: at, put, values: withValue(values, at, put) };
    // What the chart does not know of the pod's spec is Kubernetes' to refuse.
  }).filter(({ path }) => path[0] !== "extraPodSpec");
}

/** What is wrong with what becomes of a mutation; undefined when nothing is. */
async function faultOf(
  controlPlane: ControlPlane,
  mutation: Mutation,
): Promise<string | undefined> {
  const file = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeTextFile(file, stringify(mutation.values));
    const { success, stdout, stderr } = await template({
      namespace: NAMESPACE,
      valuesFiles: [file],
    });
    if (!success) {
      const named = mutation.path.some((part) => typeof part === "string" && stderr.includes(part));
      return named && !TRACE.test(stderr) ? undefined : stderr;
    }
    const objects = parseObjects(stdout);
    if (objects.length === 0) return "nothing is rendered";
    const { code, stderr: refusal } = await controlPlane.tryKubectl([
      ...["apply", "--server-side", "--dry-run=server", "--validate=strict", "--filename=-"],
    ], stdout);
    const others = refusal.split("\n").filter((line) =>
      !/^(Warning: .*)?$/.test(line) && !MISSING.test(line)
    );
    return code === 0 || others.length === 0 ? undefined : others.join("\n");
  } finally {
    await Deno.remove(file);
  }
}

/** Registers the test. It needs the CRDs of all operators. */
export function registerValuesFuzzTest(cluster: () => ControlPlane): void {
  Deno.test("values: each mistake is named, or does no harm", async () => {
    const controlPlane = cluster();
    const metadata = { name: NAMESPACE };
    await controlPlane.apply(JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata }));
    console.log(`VALUES_SEED=${SEED}`);
    const waiting = [...await mutations()];
    const faults: string[] = [];
    const work = async (): Promise<void> => {
      for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
        const fault = await faultOf(controlPlane, next);
        if (fault === undefined) continue;
        const put = JSON.stringify(next.put).slice(0, 40);
        faults.push(`${next.base}: ${next.path.join(".")} = ${put}: ${fault.trim().slice(0, 400)}`);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    await controlPlane.kubectl(["delete", "namespace", NAMESPACE, "--wait=false"]);
    assert.equal(faults.length, 0, `${faults.length} of ${MUTATIONS}:\n${faults.join("\n")}`);
  });
}
