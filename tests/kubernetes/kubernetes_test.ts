/** The chart and the agent against a real control plane, which all tests share. */

import { loadFetchedCrds, loadGrafanaCrd, loadTalosCrd } from "./chart.ts";
import { registerCheckAllTests } from "./check_all.ts";
import { ControlPlane, findControlPlaneProgram } from "../harness/kubernetes/control_plane.ts";
import { HELM_VERSIONS, helmProgram } from "../harness/kubernetes/helm.ts";
import { registerShownCommandsTests } from "../docs/shown_commands.ts";
import { registerDryRunTests } from "./dry_run.ts";
import { registerEventTests } from "./events.ts";
import { registerExampleTests } from "./examples.ts";
import { registerGitOpsTests } from "./gitops.ts";
import { registerLifeCycleTests } from "./life_cycle.ts";
import { registerManifestTests } from "./manifests.ts";
import { registerMixedNodeTests } from "./mixed_nodes.ts";
import { registerPodTypesTest } from "./pod_types.ts";
import { registerSchedulingTests } from "./scheduling.ts";
import { registerUpgradeTests } from "./upgrades.ts";
import { registerValuesFuzzTest } from "./values_fuzz.ts";
import { registerWarningTests } from "./warnings.ts";

let controlPlane: ControlPlane | undefined;

Deno.test.beforeAll(async () => {
  controlPlane = await ControlPlane.start();
  await loadFetchedCrds(controlPlane);
  await loadGrafanaCrd(controlPlane);
  await loadTalosCrd(controlPlane);
});

Deno.test.afterAll(async () => {
  await controlPlane?.[Symbol.asyncDispose]();
});

function cluster(): ControlPlane {
  if (controlPlane === undefined) throw new Error("the control plane has not started");
  return controlPlane;
}

registerDryRunTests(cluster);
registerExampleTests(cluster);
registerGitOpsTests(cluster);
registerLifeCycleTests(cluster);
registerPodTypesTest(cluster);
registerSchedulingTests(cluster);
registerMixedNodeTests(cluster);
registerUpgradeTests(cluster);
registerCheckAllTests(cluster);
registerValuesFuzzTest(cluster);
registerWarningTests(cluster);
registerManifestTests(cluster);
registerEventTests(cluster);
registerShownCommandsTests(
  "kubernetes",
  async (name) =>
    name === "helm" ? HELM_VERSIONS.map(helmProgram) : [await findControlPlaneProgram(name)],
);
