/** Upgrades of a release that chart 0.1.0 has made, whose values lack many a key of today. */

import assert from "node:assert/strict";
import { stringify } from "yaml";
import {
  CHART,
  HELM_VERSIONS,
  type HelmVersion,
  type KubernetesObject,
  parseObjects,
  render,
} from "../harness/kubernetes/helm.ts";
import type { CommandResult } from "../harness/command.ts";
import type { ControlPlane } from "../harness/kubernetes/control_plane.ts";
import { PROJECT } from "../harness/project.ts";
import { TemporaryDirectory } from "../harness/temporary_directory.ts";

const OLD_CHART = `${PROJECT}/tests/kubernetes/chart_0_1_0`;
const RELEASE = "agent";

/** What a user has set of the values of 0.1.0, which has made the objects in OLD_CHART with it. */
const USERS_VALUES = {
  image: { registry: "registry.example.com" },
  metrics: { podMonitor: { enabled: true } },
  events: { enabled: true },
};

/** Where 0.1.0 has an empty map and the chart of today does not: only null takes a default away. */
const EMPTY_IN_OLD_CHART = { nodeSelector: null };

/** The ways to take a release's values along, and whether its chart's defaults come, too. */
const WAYS = [
  { flag: "--reuse-values", withDefaults: true },
  { flag: "--reset-then-reuse-values", withDefaults: false },
] as const;

/** One of the ways. */
type Way = typeof WAYS[number];

/** Installs chart 0.1.0 in a namespace of its own, and upgrades to the chart of today. */
async function upgrade(
  controlPlane: ControlPlane,
  helm: HelmVersion,
  way: Way,
  namespace: string,
  usersFile: string,
): Promise<CommandResult> {
  const namespaced = `--namespace=${namespace}`;
  await controlPlane.kubectl(["create", "namespace", namespace]);
  await controlPlane.helm(helm, [
    ...["install", RELEASE, OLD_CHART, namespaced, `--values=${usersFile}`],
  ]);
  return await controlPlane.tryHelm(helm, [
    ...["upgrade", RELEASE, CHART, namespaced, way.flag, "--wait", "--timeout=60s"],
  ]);
}

async function remove(
  controlPlane: ControlPlane,
  helm: HelmVersion,
  namespace: string,
): Promise<void> {
  await controlPlane.helm(helm, ["uninstall", RELEASE, `--namespace=${namespace}`, "--wait"]);
  await controlPlane.kubectl(["delete", "namespace", namespace, "--wait=false"]);
}

/** By kind and name; Helm prints a release's objects in the order in which it installs them. */
function sorted(objects: readonly KubernetesObject[]): readonly KubernetesObject[] {
  const key = ({ kind, metadata }: KubernetesObject) => `${kind} ${metadata.name}`;
  return objects.toSorted((a, b) => key(a) < key(b) ? -1 : 1);
}

/** Registers the tests. They need the CRDs of Talos and of the Prometheus operator. */
export function registerUpgradeTests(cluster: () => ControlPlane): void {
  for (const helm of HELM_VERSIONS) {
    for (const way of WAYS) {
      const namespace = `upgrade${way.flag.slice(1)}-${helm}`;

      Deno.test(`upgrade from 0.1.0 with ${way.flag}, with Helm ${helm}`, async () => {
        const controlPlane = cluster();
        await using directory = await TemporaryDirectory.create();
        const users = await directory.write("values.yaml", stringify(USERS_VALUES));
        const { code, stderr } = await upgrade(controlPlane, helm, way, namespace, users);
        assert.equal(code, 0, stderr);
        const { stdout } = await controlPlane.helm(helm, [
          ...["get", "manifest", RELEASE, `--namespace=${namespace}`],
        ]);
        const empty = await directory.write("empty.yaml", stringify(EMPTY_IN_OLD_CHART));
        const defaults = way.withDefaults ? [`${OLD_CHART}/values.yaml`, empty] : [];
        const fresh = await render({
          ...{ helm, release: RELEASE, namespace },
          valuesFiles: [...defaults, users],
          args: ["--skip-tests"],
        });
        assert.deepEqual(sorted(parseObjects(stdout)), sorted(parseObjects(fresh)));
        await remove(controlPlane, helm, namespace);
      });

      Deno.test(`upgrade from 0.1.0 with ${way.flag} of a key that is gone, with Helm ${helm}`, async () => {
        const controlPlane = cluster();
        await using directory = await TemporaryDirectory.create();
        const users = await directory.write(
          "values.yaml",
          stringify({ metrics: { prometheusRule: { disabledAlerts: ["QemuGuestAgentDown"] } } }),
        );
        const { code, stderr } = await upgrade(
          ...[controlPlane, helm, way, `${namespace}-gone`, users] as const,
        );
        assert.notEqual(code, 0);
        assert.match(
          stderr,
          /disabledAlerts has QemuGuestAgentDown, and is gone: set metrics\.prometheusRule\.rules\.down\.enabled to false/,
        );
        await remove(controlPlane, helm, `${namespace}-gone`);
      });
    }
  }
}
