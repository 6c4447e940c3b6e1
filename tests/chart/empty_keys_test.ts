import assert from "node:assert/strict";
import { parse } from "yaml";
import { CHART, HELM_VERSIONS, type HelmVersion, template } from "../harness/kubernetes/helm.ts";

const VALUES: unknown = parse(await Deno.readTextFile(`${CHART}/values.yaml`));

/** What Helm and its template functions say to those who wrote the chart, and not to who wrote the values. */
const TRACE =
  /nil pointer|error calling|YAML parse error|wrong type for value|can.t evaluate|incompatible types|invalid value; expected/;

/** Without these there is nothing to fill in. */
const SWITCHES = {
  metrics: {
    podMonitor: { enabled: true },
    prometheusRule: { enabled: true },
    dashboard: { enabled: true, grafanaOperator: { enabled: true } },
  },
  events: { enabled: true },
};

/** The paths of all keys, those of maps among them. */
function* paths(value: unknown, path: readonly string[] = []): Generator<readonly string[]> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return;
  for (const [name, inner] of Object.entries(value)) {
    yield [...path, name];
    yield* paths(inner, [...path, name]);
  }
}

/** The switches, with an empty key. */
function withEmpty(path: readonly string[]): Record<string, unknown> {
  const values = structuredClone(SWITCHES) as Record<string, unknown>;
  let at = values;
  for (const name of path.slice(0, -1)) {
    const inner = at[name] ??= {};
    // Only maps are made here.
    at = inner as Record<string, unknown>;
  }
  at[path.at(-1) ?? ""] = null;
  return values;
}

async function complaint(helm: HelmVersion, values: unknown): Promise<string | undefined> {
  const file = await Deno.makeTempFile({ suffix: ".json" });
  try {
    await Deno.writeTextFile(file, JSON.stringify(values));
    const { success, stderr } = await template({ helm, valuesFiles: [file] });
    return success ? undefined : stderr;
  } finally {
    await Deno.remove(file);
  }
}

Deno.test("an empty key renders, or is refused in words, be it any", async () => {
  const all = [...paths(VALUES)];
  const refused: string[] = [];
  const check = async (path: readonly string[], index: number): Promise<void> => {
    // Each of them on one of the versions: both take nulls alike.
    const helm = HELM_VERSIONS[index % HELM_VERSIONS.length] ?? 4;
    const said = await complaint(helm, withEmpty(path));
    if (said === undefined) return;
    refused.push(path.join("."));
    assert.doesNotMatch(said, TRACE, `Helm ${helm}, ${path.join(".")}: ${said}`);
  };
  for (let start = 0; start < all.length; start += 4) {
    await Promise.all(all.slice(start, start + 4).map((path, at) => check(path, start + at)));
  }
  // Kubernetes, too, wants one where there is a profile.
  assert.deepEqual(refused, ["podSecurityContext.seccompProfile.type"]);
});

for (const helm of HELM_VERSIONS) {
  Deno.test(`all keys empty are the defaults, with Helm ${helm}`, async () => {
    // Parsed as a map.
    const names = Object.keys(VALUES as Record<string, unknown>);
    const empty = Object.fromEntries(names.map((name) => [name, null]));
    assert.equal(await complaint(helm, empty), undefined);
  });
}
