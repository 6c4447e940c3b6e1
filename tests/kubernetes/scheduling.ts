/** Which nodes get a pod, and what keeps it away: PodSecurity, the official extension, taints. */

import assert from "node:assert/strict";
import { CHART } from "../harness/kubernetes/helm.ts";
import type { ControlPlane } from "../harness/kubernetes/control_plane.ts";
import { applyNode, cleanUp, installChart, observedDaemonSet, waitForPodsOn } from "./nodes.ts";
import { until } from "../harness/until.ts";

const RELEASE = "agent";
const ENFORCE = "pod-security.kubernetes.io/enforce";

/** Registers the tests. They need the CRD of Talos. */
export function registerSchedulingTests(cluster: () => ControlPlane): void {
  Deno.test("PodSecurity: baseline refuses the pods, and the label lets them in", async () => {
    const controlPlane = cluster();
    const namespace = "pod-security";
    await controlPlane.kubectl(["create", "namespace", namespace]);
    await controlPlane.kubectl(["label", "namespace", namespace, `${ENFORCE}=baseline`]);
    await applyNode(controlPlane, "worker");
    const notes = await installChart(controlPlane, RELEASE, namespace);
    assert.match(notes, new RegExp(`the namespace ${namespace} is labelled ${ENFORCE}=baseline`));
    const refused = await until("a FailedCreate event", async () => {
      const events = await controlPlane.api.list(`/api/v1/namespaces/${namespace}/events`);
      return events.find(({ reason }) => reason === "FailedCreate");
    });
    assert.match(
      String(refused["message"]),
      /violates PodSecurity "baseline:latest": .*privileged/,
    );
    await waitForPodsOn(controlPlane, namespace, []);

    // The command is the one that NOTES print.
    const command = /kubectl (label .*)/.exec(notes)?.[1] ?? "";
    await controlPlane.kubectl(command.trim().split(" "));
    await waitForPodsOn(controlPlane, namespace, ["worker"]);
    await cleanUp(controlPlane, RELEASE, namespace, ["worker"]);
  });

  Deno.test("nodes: a tainted control plane gets a pod, one with an extension none", async () => {
    const controlPlane = cluster();
    const namespace = "nodes";
    await controlPlane.kubectl(["create", "namespace", namespace]);
    await applyNode(controlPlane, "control-plane", {
      labels: { "node-role.kubernetes.io/control-plane": "" },
      taints: [{ key: "node-role.kubernetes.io/control-plane", effect: "NoSchedule" }],
    });
    for (const name of ["qemu-guest-agent", "qemu-guest-agent-talos"]) {
      await applyNode(controlPlane, `with-${name}`, {
        labels: { [`extensions.talos.dev/${name}`]: "1.2.3" },
      });
    }
    await applyNode(controlPlane, "worker");
    await installChart(controlPlane, RELEASE, namespace);
    await waitForPodsOn(controlPlane, namespace, ["control-plane", "worker"]);
    const { status } = await observedDaemonSet(controlPlane, namespace);
    assert.equal((status as { desiredNumberScheduled: number }).desiredNumberScheduled, 2);

    const nodes = [
      ...["control-plane", "with-qemu-guest-agent", "with-qemu-guest-agent-talos", "worker"],
    ];
    await controlPlane.helm(4, [
      ...["upgrade", RELEASE, CHART, `--namespace=${namespace}`, "--set=avoidExtension=false"],
    ]);
    const wanted = await until("all nodes are wanted", async () => {
      const { status } = await observedDaemonSet(controlPlane, namespace);
      const { desiredNumberScheduled } = status as { desiredNumberScheduled: number };
      return desiredNumberScheduled === nodes.length ? desiredNumberScheduled : undefined;
    });
    assert.equal(wanted, nodes.length);
    await cleanUp(controlPlane, RELEASE, namespace, nodes);
  });
}
