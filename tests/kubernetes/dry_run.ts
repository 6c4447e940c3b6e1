/** What the chart renders, judged by the API server itself. */

import assert from "node:assert/strict";
import {
  HELM_VERSIONS,
  modeName,
  parseObjects,
  render,
  valuesFiles,
} from "../harness/kubernetes/helm.ts";
import type { CommandResult } from "../harness/command.ts";
import type { ControlPlane } from "../harness/kubernetes/control_plane.ts";

const NAMESPACE = "dry-run";

/** Namespaces that need not be created; the rights to send Events are in the second. */
const THERE = new Set([NAMESPACE, "default"]);

const NAMESPACE_OBJECT = JSON.stringify({
  apiVersion: "v1",
  kind: "Namespace",
  metadata: { name: NAMESPACE },
});

/** A field that is misspelt, in an object of each kind that has a schema of its own. */
const MISTAKES = [
  {
    field: "spec.template.spec.hostNetwrk",
    object: {
      apiVersion: "apps/v1",
      kind: "DaemonSet",
      metadata: { name: "wrong", namespace: NAMESPACE },
      spec: {
        selector: { matchLabels: { a: "b" } },
        template: {
          metadata: { labels: { a: "b" } },
          spec: { hostNetwrk: true, containers: [{ name: "agent", image: "agent" }] },
        },
      },
    },
  },
  {
    field: "spec.podMetricsEndpoints[0].intervall",
    object: {
      apiVersion: "monitoring.coreos.com/v1",
      kind: "PodMonitor",
      metadata: { name: "wrong", namespace: NAMESPACE },
      spec: { selector: {}, podMetricsEndpoints: [{ port: "metrics", intervall: "30s" }] },
    },
  },
  {
    // Groups are known by their names.
    field: 'spec.groups[name="a"].rules[0].expression',
    object: {
      apiVersion: "monitoring.coreos.com/v1",
      kind: "PrometheusRule",
      metadata: { name: "wrong", namespace: NAMESPACE },
      spec: { groups: [{ name: "a", rules: [{ alert: "B", expr: "up", expression: "up" }] }] },
    },
  },
  {
    field: "spec.instanceSelector.matchLabel",
    object: {
      apiVersion: "grafana.integreatly.org/v1beta1",
      kind: "GrafanaDashboard",
      metadata: { name: "wrong", namespace: NAMESPACE },
      spec: { instanceSelector: { matchLabel: { a: "b" } }, json: "{}" },
    },
  },
  {
    field: "spec.role",
    object: {
      apiVersion: "talos.dev/v1alpha1",
      kind: "ServiceAccount",
      metadata: { name: "wrong", namespace: NAMESPACE },
      spec: { role: ["os:operator"] },
    },
  },
];

async function dryRun(controlPlane: ControlPlane, manifests: string): Promise<CommandResult> {
  const args = ["apply", "--server-side", "--dry-run=server", "--validate=strict", "--filename=-"];
  return await controlPlane.tryKubectl(args, manifests);
}

/** A dry run creates nothing, and then refuses what needs a namespace or a ServiceAccount. */
async function createWhatOthersNeed(
  controlPlane: ControlPlane,
  manifests: string,
  namespaces: Set<string>,
): Promise<void> {
  const objects = parseObjects(manifests);
  for (const { metadata: { namespace } } of objects) {
    if (namespace === undefined || THERE.has(namespace) || namespaces.has(namespace)) continue;
    await controlPlane.kubectl(["create", "namespace", namespace]);
    namespaces.add(namespace);
  }
  for (const object of objects) {
    if (object.kind !== "ServiceAccount" || object.apiVersion !== "v1") continue;
    await controlPlane.apply(JSON.stringify(object));
  }
}

/** Registers the tests. They need the CRDs of Talos and of the operators of Prometheus and Grafana. */
export function registerDryRunTests(cluster: () => ControlPlane): void {
  Deno.test("dry run: the API server finds a field that is misspelt", async (t) => {
    const controlPlane = cluster();
    await controlPlane.apply(NAMESPACE_OBJECT);
    for (const { field, object } of MISTAKES) {
      await t.step(field, async () => {
        const { code, stderr } = await dryRun(controlPlane, JSON.stringify(object));
        assert.notEqual(code, 0);
        assert(stderr.includes(`.${field}: field not declared in schema`), stderr);
      });
    }
  });

  Deno.test("dry run: it accepts all that is rendered, by either Helm", async (t) => {
    const controlPlane = cluster();
    await controlPlane.apply(NAMESPACE_OBJECT);
    const namespaces = new Set<string>();
    for (const file of await valuesFiles()) {
      for (const helm of HELM_VERSIONS) {
        await t.step(`${modeName(file)}, Helm ${helm}`, async () => {
          const manifests = await render({ helm, namespace: NAMESPACE, valuesFiles: [file] });
          await createWhatOthersNeed(controlPlane, manifests, namespaces);
          const result = await dryRun(controlPlane, manifests);
          assert.equal(result.code, 0, result.stderr);
          assert.equal(
            result.stdout.trim().split("\n").length,
            parseObjects(manifests).length,
            "an object was passed over",
          );
        });
      }
    }
    // What is created by `namespace.create` must not be there before.
    await controlPlane.kubectl(["delete", "namespace", ...namespaces]);
  });
}
