import assert from "node:assert/strict";
import {
  CHART,
  helm,
  HELM_VERSIONS,
  KUBERNETES_VERSION,
  modeName,
  parseObjects,
  render,
  valuesFiles,
} from "../harness/kubernetes/helm.ts";

/** The namespace of kinds of objects that are not in the release's. */
const NAMESPACES = new Map([
  ["Namespace", undefined],
  // For Events on Nodes, which lie there.
  ["Role", "default"],
  ["RoleBinding", "default"],
]);

for (const file of await valuesFiles()) {
  for (const version of HELM_VERSIONS) {
    Deno.test(`Helm ${version} finds nothing wrong with the mode ${modeName(file)}`, async () => {
      const { success, stdout, stderr } = await helm(version, [
        ...["lint", "--strict", CHART, "--values", file, "--kube-version", KUBERNETES_VERSION],
      ]);
      assert(success, stdout + stderr);
      assert.doesNotMatch(stdout, /\[(?:WARNING|ERROR|INFO)\]/);
    });
  }

  Deno.test(`both Helms render the same objects in the mode ${modeName(file)}`, async () => {
    const [one, other] = await Promise.all(
      HELM_VERSIONS.map(async (version) =>
        parseObjects(await render({ helm: version, valuesFiles: [file] }))
      ),
    );
    assert.deepEqual(one, other);
  });

  Deno.test(`objects of the mode ${modeName(file)} are whole`, async () => {
    const objects = parseObjects(await render({ valuesFiles: [file] }));
    for (const { kind, metadata } of objects) {
      const expected = NAMESPACES.has(kind) ? NAMESPACES.get(kind) : "guest-agents";
      assert.equal(metadata.namespace, expected, `${kind} ${metadata.name}`);
    }
    const names = objects.map(({ apiVersion, kind, metadata }) =>
      `${apiVersion} ${kind} ${metadata.name}`
    );
    assert.deepEqual(names, [...new Set(names)], "an object is rendered twice");
    assert(names.some((name) => name.startsWith("apps/v1 DaemonSet ")));
    assertNoSecretOfTalos(objects.map(({ kind, metadata }) => ({ kind, name: metadata.name })));
  });
}

function assertNoSecretOfTalos(
  objects: readonly { readonly kind: string; readonly name: string }[],
): void {
  const secrets = objects.filter(({ kind }) => kind === "Secret").map(({ name }) => name);
  for (const secret of secrets) assert.doesNotMatch(secret, /talos-secrets$/);
}
