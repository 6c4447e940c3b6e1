import { parse } from "yaml";
import { EXAMPLES, TEST_VALUES } from "../harness/kubernetes/helm.ts";
import type { ControlPlane } from "../harness/kubernetes/control_plane.ts";
import type { KubernetesObject } from "../harness/kubernetes/api.ts";
import { until } from "../harness/until.ts";
import { PROJECT } from "../harness/project.ts";

/** The ways to get at the Talos API, each with the values file that chooses it. */
export const MODES = [
  { name: "serviceAccount", values: `${TEST_VALUES}/default.yaml` },
  { name: "an existing Secret", values: `${EXAMPLES}/proxmox-secret.yaml` },
  { name: "a Secret of the chart", values: `${TEST_VALUES}/secret-inline.yaml` },
  { name: "none", values: `${EXAMPLES}/kubevirt-tenant.yaml` },
] as const;

/** One of the ways to get at the Talos API. */
export type Mode = typeof MODES[number];

/** The Secret that the second mode names; without it a warning is due. */
export const EXISTING_SECRET = "talosconfig";

/** Whether Helm makes the object at certain times only, and not as part of the release. */
export function isHook(object: KubernetesObject): boolean {
  return object.metadata.annotations?.["helm.sh/hook"] !== undefined;
}

const TALOS_API = "/apis/talos.dev/v1alpha1";

/** The CRDs that scripts/bootstrap fetches; see there. */
const FETCHED_CRDS = [
  ...["podmonitors", "servicemonitors", "prometheusrules"],
  ...["applications", "helmreleases", "ocirepositories"],
];

/** Applies the CRDs of the Prometheus operator, of Argo CD and of Flux, and waits until they can be used. */
export async function loadFetchedCrds(controlPlane: ControlPlane): Promise<void> {
  for (const name of FETCHED_CRDS) {
    await loadCrd(controlPlane, `${PROJECT}/.tools/crds/${name}.yaml`);
  }
}

/** Applies the CRD of Grafana's operator, of which no package has one, and waits until it can be used. */
export async function loadGrafanaCrd(controlPlane: ControlPlane): Promise<void> {
  await loadCrd(controlPlane, `${PROJECT}/tests/kubernetes/crds/grafanadashboard.yaml`);
}

/** Applies the CRD of Talos, of which no package has one either, and waits until it can be used. */
export async function loadTalosCrd(controlPlane: ControlPlane): Promise<void> {
  await loadCrd(controlPlane, `${PROJECT}/tests/kubernetes/crds/talos-serviceaccount.yaml`);
}

/** Runs on a cluster that does not know the Talos ServiceAccount; it does again afterwards. */
export async function withoutTalosCrd(
  controlPlane: ControlPlane,
  use: () => Promise<void>,
): Promise<void> {
  await controlPlane.kubectl(["delete", "crd", "serviceaccounts.talos.dev"]);
  await until("Talos' API is gone", async () => {
    return await controlPlane.api.get(TALOS_API) === undefined || undefined;
  });
  try {
    await use();
  } finally {
    await loadTalosCrd(controlPlane);
    await until("Talos' API is there", () => controlPlane.api.get(TALOS_API));
  }
}

async function loadCrd(controlPlane: ControlPlane, file: string): Promise<void> {
  const text = await Deno.readTextFile(file);
  // On the server's side: some are too long for the annotation of the other way.
  await controlPlane.apply(text);
  const { metadata: { name } } = parse(text) as KubernetesObject;
  const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${name}`;
  // kubectl wait fails on one that has no conditions yet.
  await until(`${name} can be used`, async () => {
    const crd = await controlPlane.api.get(path);
    const { conditions } = (crd?.["status"] ?? {}) as {
      readonly conditions?: readonly { readonly type: string; readonly status: string }[] | null;
    };
    return conditions?.some(({ type, status }) => type === "Established" && status === "True") ||
      undefined;
  });
}
