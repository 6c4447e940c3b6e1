/** What becomes of a release: every change of mode, rollback, uninstall, and from Helm 3 to Helm 4. */

import assert from "node:assert/strict";
import {
  CHART,
  HELM_VERSIONS,
  type HelmVersion,
  parseObjects,
  render,
  TEST_VALUES,
} from "../harness/kubernetes/helm.ts";
import { EXISTING_SECRET, isHook, type Mode, MODES } from "./chart.ts";
import { clusterObjectNames, clusterObjects } from "./cluster_objects.ts";
import type { ControlPlane } from "../harness/kubernetes/control_plane.ts";
import type { KubernetesObject } from "../harness/kubernetes/api.ts";
import { until } from "../harness/until.ts";

const RELEASE = "agent";

/** A way from the first mode that makes every change once, and ends where it begins. */
function* everyChange(first = 0): Generator<Mode> {
  const from = MODES[first];
  if (from === undefined) return;
  for (const [index, to] of MODES.entries()) {
    if (index <= first) continue;
    yield to;
    if (index === first + 1) yield* everyChange(index);
    yield from;
  }
}

/** A namespace with one release of the chart in it. */
class ReleaseUnderTest {
  readonly namespace: string;
  readonly #controlPlane: ControlPlane;
  #before: readonly string[] = [];

  constructor(controlPlane: ControlPlane, namespace: string) {
    this.#controlPlane = controlPlane;
    this.namespace = namespace;
  }

  /** Makes the namespace, with the Secret that one of the modes names. */
  async prepare(): Promise<void> {
    const namespaced = `--namespace=${this.namespace}`;
    await this.#controlPlane.kubectl(["create", "namespace", this.namespace]);
    await this.#controlPlane.kubectl([
      ...["create", "secret", "generic", EXISTING_SECRET, namespaced],
      "--from-literal=config=context: test",
    ]);
    for (const path of ["serviceaccounts/default", "configmaps/kube-root-ca.crt"]) {
      await until(path, () => {
        return this.#controlPlane.api.get(`/api/v1/namespaces/${this.namespace}/${path}`);
      });
    }
    this.#before = await clusterObjectNames(this.#controlPlane.api);
  }

  /** `helm install` and `helm upgrade`, waiting until what is there is ready. */
  async change(command: "install" | "upgrade", helm: HelmVersion, mode: Mode): Promise<void> {
    await this.#controlPlane.helm(helm, [
      ...[command, RELEASE, CHART, `--namespace=${this.namespace}`, `--values=${mode.values}`],
      ...(command === "upgrade" ? ["--reset-values"] : []),
      "--wait",
      "--timeout=60s",
    ]);
    await this.#mustBe(helm, mode);
  }

  /** `helm install` with any values; what it makes is not looked at. */
  async install(helm: HelmVersion, values: string): Promise<void> {
    await this.#controlPlane.helm(helm, [
      ...["install", RELEASE, CHART, `--namespace=${this.namespace}`, `--values=${values}`],
    ]);
  }

  /** `helm rollback` to a revision, which was made with that mode. */
  async rollback(helm: HelmVersion, revision: number, mode: Mode): Promise<void> {
    const args = ["rollback", RELEASE, `${revision}`, `--namespace=${this.namespace}`, "--wait"];
    await this.#controlPlane.helm(helm, args);
    await this.#mustBe(helm, mode);
  }

  /** `helm uninstall`, after which everything is as it was before, but for what is to be kept. */
  async uninstall(helm: HelmVersion, kept: readonly string[] = []): Promise<void> {
    const args = ["uninstall", RELEASE, `--namespace=${this.namespace}`, "--wait"];
    await this.#controlPlane.helm(helm, args);
    let left: readonly string[] = [];
    await until(() => `the cluster is as before; left: ${left.join(", ")}`, async () => {
      const names = await clusterObjectNames(this.#controlPlane.api);
      left = names.filter((name) => !this.#before.includes(name) && !kept.includes(name));
      return left.length === 0 ? true : undefined;
    });
    assert.deepEqual(
      await clusterObjectNames(this.#controlPlane.api),
      [...this.#before, ...kept].sort(),
    );
  }

  /** The objects of the release are those of a fresh render, and its pods get the right credentials. */
  async #mustBe(helm: HelmVersion, mode: Mode): Promise<void> {
    const objects: readonly KubernetesObject[] = parseObjects(
      await render({
        helm,
        release: RELEASE,
        namespace: this.namespace,
        valuesFiles: [mode.values],
      }),
    );
    const rendered = objects.filter((object) => !isHook(object));
    const live = (await clusterObjects(this.#controlPlane.api))
      .filter(({ object: { metadata: { namespace, labels } } }) => {
        return namespace === this.namespace && labels?.["app.kubernetes.io/instance"] === RELEASE &&
          labels["app.kubernetes.io/managed-by"] === "Helm";
      });
    assert.deepEqual(
      live.map(({ name }) => name),
      rendered.map(nameOf).sort(),
    );
    const daemonSet = (object: KubernetesObject) => object.kind === "DaemonSet";
    const path = `/apis/apps/v1/namespaces/${this.namespace}/daemonsets`;
    const [running] = await this.#controlPlane.api.list(path);
    assert.deepEqual(secretsOf(running), secretsOf(rendered.find(daemonSet)));
    assert.deepEqual(annotationsOfPods(running), annotationsOfPods(rendered.find(daemonSet)));
  }
}

function nameOf({ apiVersion = "", kind, metadata }: KubernetesObject): string {
  const group = apiVersion.includes("/") ? apiVersion.split("/")[0] : "core";
  return `${group}/${kind} ${metadata.namespace ?? ""}/${metadata.name}`;
}

interface DaemonSet extends KubernetesObject {
  readonly spec: {
    readonly template: {
      readonly metadata: KubernetesObject["metadata"];
      readonly spec: { readonly volumes: readonly { readonly secret?: { secretName: string } }[] };
    };
  };
}

/** The Secrets that pods of a DaemonSet mount. */
function secretsOf(object: KubernetesObject | undefined): (string | undefined)[] {
  const { spec } = object as DaemonSet;
  return spec.template.spec.volumes.map(({ secret }) => secret?.secretName);
}

/** They hold the checksum of the configuration. */
function annotationsOfPods(object: KubernetesObject | undefined): unknown {
  return (object as DaemonSet).spec.template.metadata.annotations;
}

/** Registers the tests. They need the CRD of Talos. */
export function registerLifeCycleTests(cluster: () => ControlPlane): void {
  const [first, second, third] = MODES;
  for (const helm of HELM_VERSIONS) {
    Deno.test(`life cycle: every change of mode, with Helm ${helm}`, async (t) => {
      const controlPlane = cluster();
      const release = new ReleaseUnderTest(controlPlane, `life-cycle-${helm}`);
      await release.prepare();
      await t.step(`install with ${first.name}`, () => release.change("install", helm, first));
      const revisions: Mode[] = [first];
      for (const mode of everyChange()) {
        const from = revisions.at(-1)?.name;
        await t.step(`upgrade from ${from} to ${mode.name}`, async () => {
          await release.change("upgrade", helm, mode);
        });
        revisions.push(mode);
      }
      assert.equal(revisions.length, 1 + MODES.length * (MODES.length - 1));
      // Helm keeps ten revisions.
      const revision = revisions.length - 3;
      const mode = revisions[revision - 1] ?? first;
      await t.step(`roll back to ${mode.name}`, () => release.rollback(helm, revision, mode));
      await t.step("uninstall leaves nothing", () => release.uninstall(helm));
    });
  }

  for (const helm of HELM_VERSIONS) {
    Deno.test(`life cycle: what is cluster-wide is gone, too, with Helm ${helm}`, async (t) => {
      const controlPlane = cluster();
      const release = new ReleaseUnderTest(controlPlane, `everything-${helm}`);
      await release.prepare();
      for (const name of ["everything", "monitoring", "service-monitor", "registry"]) {
        await t.step(name, async () => {
          await release.install(helm, `${TEST_VALUES}/${name}.yaml`);
          await release.uninstall(helm);
        });
      }
      await t.step("a namespace of the chart's is kept: others may live in it", async () => {
        await release.install(helm, `${TEST_VALUES}/namespace.yaml`);
        const namespace = "guest-agents";
        await release.uninstall(helm, [
          `core/ConfigMap ${namespace}/kube-root-ca.crt`,
          `core/Namespace /${namespace}`,
          `core/ServiceAccount ${namespace}/default`,
        ]);
        const { metadata } = await controlPlane.api.get(`/api/v1/namespaces/${namespace}`) ?? {};
        assert.equal(metadata?.labels?.["pod-security.kubernetes.io/enforce"], "privileged");
        await controlPlane.kubectl(["delete", "namespace", namespace]);
      });
    });
  }

  Deno.test("life cycle: a release of Helm 3 that Helm 4 continues with", async (t) => {
    const controlPlane = cluster();
    const release = new ReleaseUnderTest(controlPlane, "life-cycle-3-4");
    await release.prepare();
    await t.step(`Helm 3 installs ${first.name}`, () => release.change("install", 3, first));
    await t.step(`Helm 3 upgrades to ${third.name}`, () => release.change("upgrade", 3, third));
    await t.step(`Helm 4 upgrades to ${second.name}`, () => release.change("upgrade", 4, second));
    await t.step(`Helm 4 upgrades to ${third.name}`, () => release.change("upgrade", 4, third));
    await t.step(`Helm 4 rolls back to ${first.name}`, () => release.rollback(4, 1, first));
    await t.step("Helm 4 uninstalls, and leaves nothing", () => release.uninstall(4));
  });
}
