import { CHART } from "../harness/kubernetes/helm.ts";
import type { ControlPlane } from "../harness/kubernetes/control_plane.ts";
import type { KubernetesObject } from "../harness/kubernetes/api.ts";

/** The ways to get at the Talos API, each with the values file that chooses it. */
export const MODES = [
  { name: "serviceAccount", values: `${CHART}/ci/default-values.yaml` },
  { name: "an existing Secret", values: `${CHART}/ci/secret-existing-values.yaml` },
  { name: "a Secret of the chart", values: `${CHART}/ci/secret-inline-values.yaml` },
  { name: "none", values: `${CHART}/ci/none-values.yaml` },
] as const;

/** One of the ways to get at the Talos API. */
export type Mode = typeof MODES[number];

/** The Secret that the second mode names; without it a warning is due. */
export const EXISTING_SECRET = "talosconfig";

/** Whether Helm makes the object at certain times only, and not as part of the release. */
export function isHook(object: KubernetesObject): boolean {
  return object.metadata.annotations?.["helm.sh/hook"] !== undefined;
}

/** Applies a CRD of this directory, and waits until its kind can be used. */
export async function loadCrd(controlPlane: ControlPlane, name: string): Promise<void> {
  const file = new URL(`./crds/${name}.yaml`, import.meta.url);
  await controlPlane.apply(await Deno.readTextFile(file));
  await controlPlane.kubectl([
    ...["wait", "--for=condition=Established", "--timeout=60s"],
    `--filename=${decodeURIComponent(file.pathname)}`,
  ]);
}
