/** The types of a pod's spec that the chart's schema has, against those of the API server. */

import assert from "node:assert/strict";
import type { ControlPlane } from "../harness/kubernetes/control_plane.ts";
import { CHART } from "../harness/kubernetes/helm.ts";
import { podTypes, TYPE_PREFIX } from "../harness/kubernetes/pod_types.ts";

/** Registers the test. It needs the version of Kubernetes that scripts/versions names. */
export function registerPodTypesTest(cluster: () => ControlPlane): void {
  Deno.test("types: those of the chart's schema are the API server's", async () => {
    const { definitions } = JSON.parse(await Deno.readTextFile(`${CHART}/values.schema.json`));
    const bundled = Object.entries(definitions).filter(([name]) => name.startsWith(TYPE_PREFIX));
    assert.deepEqual(
      Object.fromEntries(bundled),
      await podTypes(cluster().api),
      "run scripts/pod_types.ts",
    );
  });
}
