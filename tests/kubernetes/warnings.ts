/** What NOTES say of a cluster that lacks something. */

import assert from "node:assert/strict";
import { CHART, HELM_VERSIONS, type HelmVersion } from "../harness/kubernetes/helm.ts";
import { EXISTING_SECRET, MODES, withoutTalosCrd } from "./chart.ts";
import type { ControlPlane } from "../harness/kubernetes/control_plane.ts";

const RELEASE = "agent";

/** The warnings of `helm install`, each as one line; the release is uninstalled. */
async function warningsOf(
  controlPlane: ControlPlane,
  helm: HelmVersion,
  namespace: string,
  ...args: string[]
): Promise<string[]> {
  const namespaced = `--namespace=${namespace}`;
  const { stdout } = await controlPlane.helm(helm, [
    ...["install", RELEASE, CHART, namespaced, ...args],
  ]);
  await controlPlane.helm(helm, ["uninstall", RELEASE, namespaced]);
  return stdout.split("\n\n")
    .map((paragraph) => paragraph.replaceAll("\n", " "))
    .filter((paragraph) => paragraph.startsWith("WARNING: "));
}

/** Asserts that these warnings are there, in their order, and no others. */
function assertWarnings(warnings: readonly string[], ...expected: RegExp[]): void {
  assert.equal(warnings.length, expected.length, warnings.join("\n"));
  for (const [index, pattern] of expected.entries()) assert.match(warnings[index] ?? "", pattern);
}

const NOT_LABELLED =
  /the namespace warnings-[34] is not labelled pod-security\.kubernetes\.io\/enforce/;

/** Lets the user `deployer` do in a namespace what a release needs, and no more. */
async function allowDeployer(controlPlane: ControlPlane, namespace: string): Promise<void> {
  const metadata = { name: "deployer", namespace };
  await controlPlane.apply(JSON.stringify({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "Role",
    metadata,
    rules: [{
      apiGroups: ["", "apps", "talos.dev"],
      resources: ["secrets", "configmaps", "services", "serviceaccounts", "daemonsets"],
      verbs: ["*"],
    }],
  }));
  await controlPlane.apply(JSON.stringify({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "RoleBinding",
    metadata,
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: metadata.name },
    subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "deployer" }],
  }));
}

/** Registers the tests. They need the CRD of Talos, which is missing for a while. */
export function registerWarningTests(cluster: () => ControlPlane): void {
  const [, existingSecret] = MODES;
  for (const helm of HELM_VERSIONS) {
    Deno.test(`warnings: what Helm ${helm} prints after an install`, async (t) => {
      const controlPlane = cluster();
      const namespace = `warnings-${helm}`;
      const namespaced = `--namespace=${namespace}`;
      const label = "pod-security.kubernetes.io/enforce";
      await controlPlane.kubectl(["create", "namespace", namespace]);
      await t.step("the namespace is not labelled", async () => {
        assertWarnings(await warningsOf(controlPlane, helm, namespace), NOT_LABELLED);
      });
      await controlPlane.kubectl(["label", "namespace", namespace, `${label}=privileged`]);
      await t.step("nothing is missing", async () => {
        assertWarnings(await warningsOf(controlPlane, helm, namespace));
      });
      const values = `--values=${existingSecret.values}`;
      await t.step("the Secret is not there", async () => {
        assertWarnings(
          await warningsOf(controlPlane, helm, namespace, values),
          /there is no Secret talosconfig in the namespace warnings-[34]/,
        );
      });
      await t.step("the Secret has another key", async () => {
        await controlPlane.kubectl([
          ...["create", "secret", "generic", EXISTING_SECRET, namespaced],
          "--from-literal=talosconfig=context: test",
        ]);
        assertWarnings(
          await warningsOf(controlPlane, helm, namespace, values),
          /the Secret talosconfig has no key config; it has talosconfig/,
        );
      });
      await t.step("Talos refuses the ServiceAccount", async () => {
        const name = "agent-qemu-guest-agent-talos-talos-secrets";
        await controlPlane.helm(helm, ["install", RELEASE, CHART, namespaced]);
        await controlPlane.kubectl([
          ...["patch", "tsa", name, namespaced, "--type=merge"],
          `--patch={"status":{"failureReason":"namespace \\"${namespace}\\" is not allowed"}}`,
        ]);
        const { stdout } = await controlPlane.helm(helm, [
          ...["upgrade", RELEASE, CHART, namespaced],
        ]);
        assert.match(
          stdout,
          /Talos refuses credentials to .*namespace "warnings-[34]" is not allowed/,
        );
        await controlPlane.helm(helm, ["uninstall", RELEASE, namespaced]);
      });
      await t.step("whoever may not read the namespace deploys without look-ups", async () => {
        await allowDeployer(controlPlane, namespace);
        const asDeployer = [namespaced, `--kube-as-user=deployer`];
        const refused = await controlPlane.tryHelm(helm, [
          ...["install", RELEASE, CHART, ...asDeployer],
        ]);
        assert.match(refused.stderr, /namespaces "warnings-[34]" is forbidden/);
        const { stdout } = await controlPlane.helm(helm, [
          ...["install", RELEASE, CHART, ...asDeployer, "--set=lookup.enabled=false"],
        ]);
        assert.match(stdout, /lookup\.enabled is false, so the cluster was not asked/);
        assert.doesNotMatch(stdout, /WARNING/);
        await controlPlane.helm(helm, ["uninstall", RELEASE, ...asDeployer]);
      });
      await t.step("the cluster does not know Talos' ServiceAccount", async () => {
        await withoutTalosCrd(controlPlane, async () => {
          assertWarnings(
            await warningsOf(controlPlane, helm, namespace),
            /the cluster does not know talos\.dev\/v1alpha1/,
          );
          const refused = await controlPlane.tryHelm(helm, [
            ...["install", RELEASE, CHART, namespaced],
            "--set=talos.renderMode=failIfMissing",
          ]);
          assert.notEqual(refused.code, 0);
          assert.match(refused.stderr, /talos\.renderMode is failIfMissing/);
        });
      });
    });
  }
}
