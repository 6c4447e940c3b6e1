/** What docs/gitops.md shows, taken by the API server and rendered and applied as Argo CD and Flux do. */

import assert from "node:assert/strict";
import { parse, parseAllDocuments, stringify } from "yaml";
import type { ControlPlane } from "../harness/kubernetes/control_plane.ts";
import type { KubernetesObject } from "../harness/kubernetes/api.ts";
import { CHART, EXAMPLES, parseObjects, render } from "../harness/kubernetes/helm.ts";
import { PROJECT } from "../harness/project.ts";
import { isHook, withoutTalosCrd } from "./chart.ts";

const RELEASE = "qemu-guest-agent-talos";
const NAMESPACE = "qemu-guest-agent";
const TALOS_KIND = "talos.dev/v1alpha1";
const EXAMPLE = `${EXAMPLES}/gitops.yaml`;

/** The values that the page shows. */
interface Values {
  readonly image: unknown;
  readonly talos: Readonly<Record<string, unknown>>;
}

interface Application extends KubernetesObject {
  readonly spec: {
    readonly source: { readonly chart: string; readonly helm: { readonly valuesObject: Values } };
    readonly destination: { readonly namespace: string };
    readonly syncPolicy: {
      readonly managedNamespaceMetadata: { readonly labels: Readonly<Record<string, string>> };
    };
  };
}

interface HelmRelease extends KubernetesObject {
  readonly spec: { readonly values: Values };
}

/** The objects that the page shows, in its order. */
async function documentedObjects(): Promise<readonly KubernetesObject[]> {
  const page = await Deno.readTextFile(`${PROJECT}/docs/gitops.md`);
  return [...page.matchAll(/^```yaml\n([^]*?)^```$/gm)].flatMap(([, text = ""]) =>
    // They are objects: the API server takes them in the first test.
    parseAllDocuments(text).map((document) => document.toJS() as KubernetesObject)
  );
}

async function documented<T extends KubernetesObject>(kind: string): Promise<T> {
  const found = (await documentedObjects()).find((object) => object.kind === kind);
  assert(found, `docs/gitops.md shows no ${kind}`);
  return found as T;
}

/** What Argo CD gives to Helm as `--api-versions`. */
async function apiVersions(controlPlane: ControlPlane): Promise<string[]> {
  const { stdout } = await controlPlane.kubectl(["api-versions"]);
  return stdout.trim().split("\n");
}

/** Runs with values in a file. */
async function withValues<T>(values: unknown, use: (file: string) => Promise<T>): Promise<T> {
  const file = await Deno.makeTempFile({ suffix: ".yaml" });
  try {
    await Deno.writeTextFile(file, stringify(values));
    return await use(file);
  } finally {
    await Deno.remove(file);
  }
}

/** Renders as Argo CD does: without a cluster; what is a hook of `helm test` it passes over. */
async function renderAsArgo(versions: readonly string[]): Promise<readonly KubernetesObject[]> {
  const { spec } = await documented<Application>("Application");
  assert.equal(spec.source.chart, RELEASE);
  const text = await withValues(spec.source.helm.valuesObject, (file) =>
    render({
      release: RELEASE,
      namespace: spec.destination.namespace,
      valuesFiles: [file],
      args: versions.flatMap((version) => ["--api-versions", version]),
    }));
  const objects: readonly KubernetesObject[] = parseObjects(text);
  return objects.filter((object) => !isHook(object));
}

/** A namespace with labels, gone with what is in it when it is disposed of. */
async function namespaceOf(
  controlPlane: ControlPlane,
  labels: Readonly<Record<string, string>>,
): Promise<AsyncDisposable> {
  const metadata = { name: NAMESPACE, labels };
  await controlPlane.apply(JSON.stringify({ apiVersion: "v1", kind: "Namespace", metadata }));
  return {
    async [Symbol.asyncDispose]() {
      await controlPlane.kubectl(["delete", "namespace", NAMESPACE]);
    },
  };
}

/** Registers the tests. They need the CRDs of Talos, of Argo CD and of Flux. */
export function registerGitOpsTests(cluster: () => ControlPlane): void {
  Deno.test("GitOps: the API server takes what the documentation shows", async () => {
    const controlPlane = cluster();
    const objects = await documentedObjects();
    assert.deepEqual(objects.map(({ kind }) => kind), [
      ...["Application", "Namespace", "OCIRepository", "HelmRelease"],
    ]);
    for (const object of objects) {
      // A dry run needs the namespace all the same.
      const elsewhere = object.kind === "Namespace"
        ? object
        : { ...object, metadata: { ...object.metadata, namespace: "default" } };
      await controlPlane.kubectl([
        ...["apply", "--server-side", "--dry-run=server", "--validate=strict", "--filename=-"],
      ], JSON.stringify(elsewhere));
    }
  });

  Deno.test("GitOps: Argo CD's way, and nothing to change at a second sync", async () => {
    const controlPlane = cluster();
    const { spec } = await documented<Application>("Application");
    const { labels } = spec.syncPolicy.managedNamespaceMetadata;
    await using _namespace = await namespaceOf(controlPlane, labels);
    const versions = await apiVersions(controlPlane);
    const first = JSON.stringify(listOf(await renderAsArgo(versions)));
    await controlPlane.kubectl(["apply", "--filename=-"], first);
    const second = JSON.stringify(listOf(await renderAsArgo(versions)));
    const { code, stdout } = await controlPlane.tryKubectl(["diff", "--filename=-"], second);
    assert.equal(stdout, "");
    assert.equal(code, 0);
  });

  Deno.test("GitOps: Argo CD waits for a cluster that does not know the kind of Talos", async () => {
    const versions = await apiVersions(cluster());
    assert(versions.includes(TALOS_KIND));
    const objects = await renderAsArgo(versions.filter((version) => version !== TALOS_KIND));
    const account = objects.find(({ apiVersion }) => apiVersion === TALOS_KIND);
    assert(account, "the Talos ServiceAccount has vanished");
    assert.equal(
      account.metadata.annotations?.["argocd.argoproj.io/sync-options"],
      "SkipDryRunOnMissingResource=true",
    );
  });

  Deno.test("GitOps: the example has the values of both, and no others", async () => {
    const argo = (await documented<Application>("Application")).spec.source.helm.valuesObject;
    const flux = (await documented<HelmRelease>("HelmRelease")).spec.values;
    assert.deepEqual(argo.image, flux.image);
    assert.deepEqual(parse(await Deno.readTextFile(EXAMPLE)), {
      image: argo.image,
      talos: { ...flux.talos, ...argo.talos },
    });
  });

  Deno.test("GitOps: an install fails on a cluster that does not know the kind of Talos", async () => {
    const controlPlane = cluster();
    await using _namespace = await namespaceOf(controlPlane, {});
    await withoutTalosCrd(controlPlane, async () => {
      const args = [RELEASE, CHART, `--namespace=${NAMESPACE}`, `--values=${EXAMPLE}`];
      const { code, stderr } = await controlPlane.tryHelm(4, ["upgrade", "--install", ...args]);
      assert.notEqual(code, 0);
      assert.match(stderr, /no matches for kind "ServiceAccount" in version "talos.dev\/v1alpha1"/);
    });
  });

  Deno.test("GitOps: Flux' way, without any drift afterwards", async () => {
    const controlPlane = cluster();
    const { metadata: { labels } } = await documented("Namespace");
    const { spec } = await documented<HelmRelease>("HelmRelease");
    await using _namespace = await namespaceOf(controlPlane, labels ?? {});
    await withValues(spec.values, async (file) => {
      const args = [RELEASE, CHART, `--namespace=${NAMESPACE}`, `--values=${file}`];
      await controlPlane.helm(4, ["upgrade", "--install", ...args]);
      const manifest = ["get", "manifest", RELEASE, `--namespace=${NAMESPACE}`];
      const { stdout: wanted } = await controlPlane.helm(4, manifest);
      const drift = await controlPlane.tryKubectl([
        // Helm's own annotations are not in its manifest: another manager leaves them.
        ...["diff", "--server-side", "--field-manager=drift", "--force-conflicts", "--filename=-"],
      ], wanted);
      assert.equal(drift.stdout, "");
      assert.equal(drift.code, 0, drift.stderr);
      await controlPlane.helm(4, ["upgrade", "--install", ...args]);
      const { stdout: again } = await controlPlane.helm(4, manifest);
      assert.equal(again, wanted);
      await controlPlane.helm(4, ["uninstall", RELEASE, `--namespace=${NAMESPACE}`]);
    });
  });
}

function listOf(items: readonly KubernetesObject[]): unknown {
  return { apiVersion: "v1", kind: "List", items };
}
