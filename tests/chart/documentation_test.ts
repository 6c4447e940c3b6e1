import assert from "node:assert/strict";
import { parse } from "yaml";
import project from "../../deno.json" with { type: "json" };
import { documentedValues } from "../harness/documented_values.ts";
import {
  CHART,
  exampleFiles,
  EXAMPLES,
  HELM_VERSIONS,
  template,
} from "../harness/kubernetes/helm.ts";

const README = await Deno.readTextFile(`${CHART}/README.md`);

Deno.test("the chart's README is what helm-docs makes of the values", async () => {
  const directory = await Deno.makeTempDir();
  try {
    for (const name of ["Chart.yaml", "values.yaml", "README.md.gotmpl"]) {
      await Deno.copyFile(`${CHART}/${name}`, `${directory}/${name}`);
    }
    const program = Deno.env.get("HELM_DOCS") ?? "helm-docs";
    const { success, stderr } = await new Deno.Command(program, {
      args: ["--chart-search-root", directory, "--sort-values-order", "file"],
    }).output();
    assert(success, new TextDecoder().decode(stderr));
    const made = await Deno.readTextFile(`${directory}/README.md`);
    assert.equal(README, made, "run (cd chart && helm-docs --sort-values-order file)");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("the chart's README describes every value", async () => {
  const values: unknown = parse(await Deno.readTextFile(`${CHART}/values.yaml`));
  const described = new Set(
    [...README.matchAll(/^\| (\S+) \| \S+ \| .* \| (?:.*\S.*) \|$/gm)].map(([, name = ""]) => name),
  );
  for (const path of leaves(values)) {
    const parents = path.split(".").map((_, index, names) => names.slice(0, index + 1).join("."));
    assert(parents.some((name) => described.has(name)), `README.md does not describe ${path}`);
  }
});

function* leaves(value: unknown, path: readonly string[] = []): Generator<string> {
  const members = typeof value === "object" && value !== null && !Array.isArray(value)
    ? Object.entries(value)
    : [];
  if (members.length === 0) yield path.join(".");
  for (const [name, member] of members) yield* leaves(member, [...path, name]);
}

Deno.test("the chart has the version of the project", async () => {
  const chart = parse(await Deno.readTextFile(`${CHART}/Chart.yaml`)) as Record<string, unknown>;
  assert.equal(chart["version"], project.version);
  assert.equal(chart["appVersion"], project.version);
  assert.equal(chart["name"], project.name);
});

Deno.test("the chart's icon is icon.svg", async () => {
  const chart = parse(await Deno.readTextFile(`${CHART}/Chart.yaml`)) as Record<string, unknown>;
  const [head, data = ""] = String(chart["icon"]).split(",");
  assert.equal(head, "data:image/svg+xml;base64");
  assert.equal(atob(data), await Deno.readTextFile(`${CHART}/icon.svg`), "encode icon.svg again");
});

Deno.test("the chart takes every values file that the documentation shows", async () => {
  const all = await documentedValues();
  const ofMixedClusters = all.filter(({ page }) => page === "docs/mixed-clusters.md");
  assert.deepEqual(ofMixedClusters.map(({ name }) => name), [
    ...["values.yaml", "values.yaml", "values.yaml"],
    ...["proxmox-values.yaml", "kubevirt-values.yaml"],
  ]);
  const file = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    for (const { page, text } of all) {
      await Deno.writeTextFile(file, text);
      for (const helm of HELM_VERSIONS) {
        const { success, stderr } = await template({ helm, valuesFiles: [file] });
        assert(success, `${page}:\n${text}\n${stderr}`);
      }
    }
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("the index of the examples names each of them, and the command of each names its file", async () => {
  const index = await Deno.readTextFile(`${EXAMPLES}/README.md`);
  const linked = [...index.matchAll(/\]\(([^/)]+\.yaml)\)/g)].map(([, name = ""]) => name);
  const files = (await exampleFiles()).map((file) => file.slice(EXAMPLES.length + 1));
  assert.deepEqual(linked.toSorted(), files);
  for (const name of files) {
    const text = await Deno.readTextFile(`${EXAMPLES}/${name}`);
    assert.deepEqual([...text.matchAll(/ -f (\S+)/g)].map(([, file]) => file), [
      `docs/examples/${name}`,
    ]);
  }
});

Deno.test("the examples of mixed clusters and without the Internet go with all others", async () => {
  for (const file of await exampleFiles()) {
    for (const other of ["mixed-cluster", "air-gapped"]) {
      const valuesFiles = [file, `${EXAMPLES}/${other}.yaml`];
      const { success, stdout, stderr } = await template({ valuesFiles });
      assert(success, `${valuesFiles}: ${stderr}`);
      if (other === "mixed-cluster") assert.match(stdout, /operator: NotIn\n +values:\n +- metal/);
      else assert.match(stdout, /image: "?registry\.example\.com:5000\/[^:]+@sha256:/);
    }
  }
});
