import type { KubernetesApi, KubernetesObject } from "../harness/kubernetes/api.ts";

/** What comes and goes by itself. */
const VOLATILE = new Set(["events", "leases"]);

interface ApiResource {
  readonly name: string;
  readonly kind: string;
  readonly verbs: readonly string[];
}

/** An object, and what kind it is of. */
export interface ClusterObject {
  /** `GROUP/KIND NAMESPACE/NAME`; the core group is `core`, and what has no namespace is in none. */
  readonly name: string;
  readonly object: KubernetesObject;
}

/**
 * All objects of a cluster, sorted by name, apart from events and leases. An object that is there in
 * several versions is told once.
 */
export async function clusterObjects(api: KubernetesApi): Promise<readonly ClusterObject[]> {
  const found = new Map<string, ClusterObject>();
  for (const { group, path } of await groupVersions(api)) {
    const { resources } = await api.read<{ resources: ApiResource[] }>(path);
    const listed = await Promise.all(
      resources.filter(isLasting).map(async ({ name, kind }) => {
        return { kind, objects: await api.list(`${path}/${name}`) };
      }),
    );
    for (const { kind, objects } of listed) {
      for (const object of objects) {
        const { namespace = "", name } = object.metadata;
        const full = `${group}/${kind} ${namespace}/${name}`;
        found.set(full, { name: full, object });
      }
    }
  }
  return [...found.values()].sort((a, b) => a.name < b.name ? -1 : 1);
}

/** The names of all objects of a cluster; see `clusterObjects`. */
export async function clusterObjectNames(api: KubernetesApi): Promise<readonly string[]> {
  return (await clusterObjects(api)).map(({ name }) => name);
}

/** Sub-resources have a slash in their name. */
function isLasting({ name, verbs }: ApiResource): boolean {
  return verbs.includes("list") && !VOLATILE.has(name) && !name.includes("/");
}

async function groupVersions(api: KubernetesApi): Promise<{ group: string; path: string }[]> {
  const { groups } = await api.read<{
    groups: { name: string; preferredVersion: { groupVersion: string } }[];
  }>("/apis");
  return [
    { group: "core", path: "/api/v1" },
    ...groups.map(({ name, preferredVersion }) => {
      return { group: name, path: `/apis/${preferredVersion.groupVersion}` };
    }),
  ];
}
