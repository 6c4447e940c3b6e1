import { CHART } from "../harness/kubernetes/helm.ts";
import type { ControlPlane } from "../harness/kubernetes/control_plane.ts";
import type { KubernetesObject } from "../harness/kubernetes/api.ts";
import { until } from "../harness/until.ts";

/** What a Node is like, besides its name. */
export interface NodeOptions {
  readonly labels?: Readonly<Record<string, string>>;
  readonly taints?: readonly { key: string; effect: string }[];
}

/** Makes a Node that no kubelet stands behind: pods are bound to it, and stay Pending. */
export async function applyNode(
  controlPlane: ControlPlane,
  name: string,
  { labels = {}, taints = [] }: NodeOptions = {},
): Promise<void> {
  // As kubelet labels its Node.
  const own = { "kubernetes.io/hostname": name, "kubernetes.io/os": "linux" };
  await controlPlane.apply(JSON.stringify({
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels: { ...own, ...labels } },
    spec: { taints },
  }));
  // The scheduler asks for room.
  const status = { capacity: { pods: "10", cpu: "2", memory: "2Gi" } };
  await controlPlane.kubectl([
    ...["patch", "node", name, "--subresource=status", "--type=merge"],
    `--patch=${JSON.stringify({ status: { ...status, allocatable: status.capacity } })}`,
  ]);
}

/** The names of the Nodes that pods of a namespace are bound to, sorted. */
export async function boundNodes(controlPlane: ControlPlane, namespace: string): Promise<string[]> {
  const pods = await controlPlane.api.list(`/api/v1/namespaces/${namespace}/pods`);
  return pods.map(({ spec }) => (spec as { nodeName?: string }).nodeName)
    .filter((name) => name !== undefined)
    .sort();
}

/** Waits until pods of a namespace are bound to just these Nodes, whose names are sorted. */
export async function waitForPodsOn(
  controlPlane: ControlPlane,
  namespace: string,
  nodes: readonly string[],
): Promise<void> {
  let seen: readonly string[] = [];
  await until(() => `pods on ${nodes.join(", ")}; they are on ${seen.join(", ")}`, async () => {
    seen = await boundNodes(controlPlane, namespace);
    return seen.join() === nodes.join() ? true : undefined;
  });
}

/** The DaemonSet of a namespace, as soon as its controller has seen its newest version. */
export async function observedDaemonSet(
  controlPlane: ControlPlane,
  namespace: string,
): Promise<KubernetesObject> {
  return await until("the DaemonSet is looked at", async () => {
    const path = `/apis/apps/v1/namespaces/${namespace}/daemonsets`;
    const [daemonSet] = await controlPlane.api.list(path);
    const { generation } = (daemonSet?.metadata ?? {}) as { generation?: number };
    const { observedGeneration } = (daemonSet?.["status"] ?? {}) as { observedGeneration?: number };
    return generation === observedGeneration ? daemonSet : undefined;
  });
}

/**
 * Uninstalls a release, and removes its pods and the Nodes. No kubelet ends the pods, so they are
 * dropped.
 */
export async function cleanUp(
  controlPlane: ControlPlane,
  release: string,
  namespace: string,
  nodes: readonly string[],
): Promise<void> {
  await controlPlane.helm(4, ["uninstall", release, `--namespace=${namespace}`]);
  await controlPlane.kubectl([
    ...["delete", "pods", "--all", `--namespace=${namespace}`],
    ...["--force", "--grace-period=0"],
  ]);
  if (nodes.length > 0) await controlPlane.kubectl(["delete", "node", ...nodes]);
}

/** `helm install` of the chart with Helm 4, without waiting for pods; gives what Helm printed. */
export async function installChart(
  controlPlane: ControlPlane,
  release: string,
  namespace: string,
  ...args: string[]
): Promise<string> {
  const { stdout } = await controlPlane.helm(4, [
    ...["install", release, CHART, `--namespace=${namespace}`, ...args],
  ]);
  return stdout;
}
