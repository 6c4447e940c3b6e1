/** Rollouts where some nodes have no port to a hypervisor: those that are no guests of QEMU, and guests. */

import assert from "node:assert/strict";
import { documentedValues } from "../harness/documented_values.ts";
import { CHART, HELM_VERSIONS, type HelmVersion } from "../harness/kubernetes/helm.ts";
import type { ControlPlane } from "../harness/kubernetes/control_plane.ts";
import type { CommandResult } from "../harness/command.ts";
import { until } from "../harness/until.ts";
import { Kubelets } from "./kubelets.ts";
import { GUEST, GUEST_WITHOUT_PORT, METAL } from "./machines.ts";
import { applyNode, cleanUp, installChart, observedDaemonSet, waitForPodsOn } from "./nodes.ts";

const RELEASE = "agent";
const NODES = ["metal", "vm-1", "vm-2"] as const;

/** How far a rollout is. */
interface RolloutStatus {
  readonly desiredNumberScheduled: number;
  readonly updatedNumberScheduled?: number;
  readonly numberAvailable?: number;
}

/** A release on three nodes. */
class Rollout {
  readonly #controlPlane: ControlPlane;
  readonly #helm: HelmVersion;
  readonly namespace: string;

  constructor(controlPlane: ControlPlane, helm: HelmVersion, namespace: string) {
    this.#controlPlane = controlPlane;
    this.#helm = helm;
    this.namespace = namespace;
  }

  /** Makes the namespace and the Nodes. */
  async prepare(): Promise<void> {
    await this.#controlPlane.kubectl(["create", "namespace", this.namespace]);
    for (const node of NODES) await applyNode(this.#controlPlane, node);
  }

  /** `helm install` or `helm upgrade` with values, however it ends. */
  async change(
    command: "install" | "upgrade",
    values: Readonly<Record<string, unknown>>,
    ...args: readonly string[]
  ): Promise<CommandResult> {
    const file = `${this.#controlPlane.directory}/${this.namespace}-values.json`;
    await Deno.writeTextFile(file, JSON.stringify({ talos: { auth: "none" }, ...values }));
    return await this.#controlPlane.tryHelm(this.#helm, [
      ...[command, RELEASE, CHART, `--namespace=${this.namespace}`, `--values=${file}`, ...args],
    ]);
  }

  /** As `change`, and waits until Helm sees that all is ready. */
  async complete(
    command: "install" | "upgrade",
    values: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    const { code, stderr } = await this.change(command, values, "--wait", "--timeout=60s");
    assert.equal(code, 0, stderr);
    const { desiredNumberScheduled, updatedNumberScheduled, numberAvailable } = await this.status();
    assert.deepEqual(
      [desiredNumberScheduled, updatedNumberScheduled, numberAvailable],
      [NODES.length, NODES.length, NODES.length],
    );
  }

  /** How far it is. */
  async status(): Promise<RolloutStatus> {
    const { status } = await observedDaemonSet(this.#controlPlane, this.namespace);
    return status as RolloutStatus;
  }

  /** The Nodes whose pods have the newest template. */
  async updatedNodes(): Promise<string[]> {
    const { metadata } = await observedDaemonSet(this.#controlPlane, this.namespace);
    const { generation } = metadata as { generation?: number };
    const pods = await this.#controlPlane.api.list(`/api/v1/namespaces/${this.namespace}/pods`);
    return pods.filter(({ metadata: { labels } }) =>
      labels?.["pod-template-generation"] === `${generation}`
    ).map(({ spec }) => (spec as { nodeName: string }).nodeName);
  }

  /** Removes all of it. */
  async cleanUp(): Promise<void> {
    await cleanUp(this.#controlPlane, RELEASE, this.namespace, NODES);
  }
}

/** Registers the tests. They need the executable. */
export function registerMixedNodeTests(cluster: () => ControlPlane): void {
  for (const helm of HELM_VERSIONS) {
    Deno.test(`mixed nodes: bare metal stops no rollout, with Helm ${helm}`, async () => {
      const rollout = new Rollout(cluster(), helm, `bare-metal-${helm}`);
      await rollout.prepare();
      await using kubelets = await Kubelets.start(cluster(), rollout.namespace, {
        "metal": METAL,
        "vm-1": GUEST,
        "vm-2": GUEST,
      });
      await rollout.complete("install", {});
      assert.equal(await kubelets.readinessOn("vm-1"), "ready");
      assert.equal(
        await kubelets.readinessOn("metal"),
        "ready; port does not count: this machine is no QEMU guest (bare metal): " +
          "there is no port to wait for",
      );
      await rollout.complete("upgrade", { log: { level: "debug" } });
      await rollout.cleanUp();
    });

    Deno.test(`mixed nodes: a guest without port stops a rollout, with Helm ${helm}`, async () => {
      const rollout = new Rollout(cluster(), helm, `no-port-${helm}`);
      await rollout.prepare();
      await using kubelets = await Kubelets.start(cluster(), rollout.namespace, {
        "metal": METAL,
        "vm-1": GUEST,
        "vm-2": GUEST_WITHOUT_PORT,
      });
      assert.equal((await rollout.change("install", {})).code, 0);
      await until("two nodes are ready", async () => {
        return (await rollout.status()).numberAvailable === 2 || undefined;
      });
      assert.match(
        await kubelets.readinessOn("vm-2") ?? "",
        /^port: virtio-serial port org\.qemu\.guest_agent\.0 not found/,
      );
      const changed = { log: { level: "debug" } };
      const { code } = await rollout.change("upgrade", changed, "--wait", "--timeout=10s");
      assert.notEqual(code, 0);
      assert.deepEqual(await rollout.updatedNodes(), ["vm-2"]);
      assert.equal((await rollout.status()).numberAvailable, 2);

      // Unless the port does not count.
      await rollout.complete("upgrade", { ...changed, readiness: [] });
      assert.match(await kubelets.readinessOn("vm-2") ?? "", /^ready; port does not count: virtio/);
      await rollout.cleanUp();
    });
  }

  Deno.test("mixed nodes: the two releases of the documentation share no node", async () => {
    const controlPlane = cluster();
    const kinds = ["proxmox", "kubevirt"] as const;
    const label = (kind: string) => ({ labels: { "example.com/machine": kind } });
    const page = (await documentedValues()).filter(({ page }) => /mixed-clusters/.test(page));
    for (const kind of [...kinds, "metal"]) await applyNode(controlPlane, kind, label(kind));
    for (const kind of kinds) {
      await controlPlane.kubectl(["create", "namespace", kind]);
      const file = `${controlPlane.directory}/${kind}-values.yaml`;
      const text = page.find(({ name }) => name === `${kind}-values.yaml`)?.text ?? "";
      await Deno.writeTextFile(file, text);
      await installChart(controlPlane, `qga-${kind}`, kind, `--values=${file}`);
    }
    for (const kind of kinds) await waitForPodsOn(controlPlane, kind, [kind]);
    for (const kind of kinds) {
      const { status } = await observedDaemonSet(controlPlane, kind);
      assert.equal((status as RolloutStatus).desiredNumberScheduled, 1);
    }
    for (const kind of kinds) await cleanUp(controlPlane, `qga-${kind}`, kind, [kind]);
    await controlPlane.kubectl(["delete", "node", "metal"]);
  });
}
