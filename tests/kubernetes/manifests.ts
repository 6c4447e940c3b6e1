/** What scripts/manifests prints, for people without Helm. */

import assert from "node:assert/strict";
import { parseObjects } from "../harness/kubernetes/helm.ts";
import { runCommand, succeeded } from "../harness/command.ts";
import type { ControlPlane } from "../harness/kubernetes/control_plane.ts";
import { applyNode, waitForPodsOn } from "./nodes.ts";

/** Registers the tests. They need the CRD of Talos. */
export function registerManifestTests(cluster: () => ControlPlane): void {
  for (const mode of ["serviceAccount", "secret", "none"]) {
    Deno.test(`manifests: kubectl apply of the mode ${mode}, and delete`, async () => {
      const controlPlane = cluster();
      const namespace = `manifests-${mode.toLowerCase()}`;
      const node = `node-${mode.toLowerCase()}`;
      const args = [mode, `--namespace=${namespace}`];
      const { stdout } = succeeded(
        `scripts/manifests ${mode}`,
        await runCommand("scripts/manifests", args, { env: {} }),
      );
      await applyNode(controlPlane, node);
      const applied = await controlPlane.kubectl(["apply", "--filename=-"], stdout);
      assert.equal(applied.stderr, "");
      assert.equal(applied.stdout.trim().split("\n").length, parseObjects(stdout).length);
      // The namespace lets the pods in.
      await waitForPodsOn(controlPlane, namespace, [node]);
      const again = await controlPlane.kubectl(["apply", "--filename=-"], stdout);
      assert.doesNotMatch(again.stdout, /configured|created/);
      await controlPlane.kubectl(["delete", "--wait=false", "--filename=-"], stdout);
      await controlPlane.kubectl(["delete", "node", node]);
    });
  }
}
