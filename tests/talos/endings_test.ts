import { deepEqual, equal, match } from "node:assert/strict";
import { until } from "../harness/until.ts";
import { PAUSE_IMAGE } from "./images.ts";
import { beginToEnd, InstalledNode, untilDrained } from "./installed_node.ts";
import type { TalosCluster } from "./talos_cluster.ts";

const POWERED_OFF = { guest: true, reason: "guest-shutdown" };

Deno.test("how the agent and its machine end on Talos", async (test) => {
  await using installed = await InstalledNode.installed();

  await test.step("while everything is frozen", async (test) => {
    await using on = await installed.start();
    await installed.killWhileFrozen(test, on, [
      "the agent out of memory",
      "kill -9 of the guard, then of the agent",
      "the agent stopped past its deadline",
      "the pod deleted",
    ]);
  });

  await test.step("guest-shutdown with a drain that cannot end", async () => {
    const { data, console } = await installed.end(
      "guest-shutdown with a drain that cannot end",
      "powerdown",
      ({ cluster }) => blockDrain(cluster),
    );
    deepEqual(data, POWERED_OFF);
    // The second, which is forced, has cancelled the first.
    match(console, /shutdown failed: .*context canceled|sequence .*canceled/);
  });

  await test.step("guest-shutdown while everything is frozen", async () => {
    await using on = await installed.start();
    equal(await on.ask("guest-fsfreeze-freeze"), 1);
    await beginToEnd(on.machine);
    // Nothing of it could be written before the thaw.
    await untilDrained(on.machine);
  });

  await test.step("guest-shutdown in mode reboot", async () => {
    const { data } = await installed.end("guest-shutdown in mode reboot", "reboot");
    deepEqual(data, { guest: true, reason: "guest-reset" });
  });

  installed.print();
});

/** A pod that may not be evicted. */
async function blockDrain(cluster: TalosCluster): Promise<void> {
  const labels = { app: "stays" };
  await cluster.kubectl(
    // To be validated by the API server alone: its schema takes longer than kubectl waits.
    ["apply", "--validate=false", "--filename=-"],
    JSON.stringify({
      apiVersion: "v1",
      kind: "List",
      items: [
        {
          apiVersion: "apps/v1",
          kind: "Deployment",
          metadata: { name: "stays", namespace: "default" },
          spec: {
            replicas: 1,
            selector: { matchLabels: labels },
            template: {
              metadata: { labels },
              spec: { containers: [{ name: "pause", image: PAUSE_IMAGE }] },
            },
          },
        },
        {
          apiVersion: "policy/v1",
          kind: "PodDisruptionBudget",
          metadata: { name: "stays", namespace: "default" },
          spec: { minAvailable: 1, selector: { matchLabels: labels } },
        },
      ],
    }),
  );
  await until(
    "the pod runs that may not be evicted",
    async () => {
      const status = ["get", "deployment", "stays", "--output=jsonpath={.status.readyReplicas}"];
      return (await cluster.tryKubectl(status)).stdout === "1" || undefined;
    },
    300_000,
    3_000,
  );
}
