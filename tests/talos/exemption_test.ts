import { doesNotMatch, match } from "node:assert/strict";
import { CHART } from "../harness/kubernetes/helm.ts";
import { until } from "../harness/until.ts";
import { InstalledNode } from "./installed_node.ts";
import { AGENT_NAMESPACE } from "./machine_patches.ts";
import { PAUSE_IMAGE } from "./images.ts";

/** In place of a label of the namespace. */
const PATCH = {
  cluster: {
    apiServer: {
      admissionControl: [{
        name: "PodSecurity",
        configuration: { exemptions: { namespaces: [AGENT_NAMESPACE] } },
      }],
    },
  },
};

const PRIVILEGED_POD = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "privileged", namespace: AGENT_NAMESPACE },
  spec: {
    containers: [{ name: "pause", image: PAUSE_IMAGE, securityContext: { privileged: true } }],
  },
};

Deno.test("the chart in a namespace that the machine configuration exempts", async () => {
  await using installed = await InstalledNode.prepare();
  await using on = await installed.startEmpty();
  const { cluster } = on;
  await installed.installOn(on, async () => {
    const create = async () =>
      await cluster.tryKubectl(
        ["create", "--dry-run=server", "--validate=false", "--filename=-"],
        JSON.stringify(PRIVILEGED_POD),
      );
    const refused = await create();
    match(refused.stderr, /violates PodSecurity "baseline:latest"/);
    await cluster.patchConfiguration(PATCH);
    // Talos starts the API server anew with it.
    await until(
      "the namespace is exempt",
      async () => (await create()).code === 0 || undefined,
      300_000,
      3_000,
    );
  });
  // Before there is a pod nobody can tell that the namespace is exempt; afterwards the chart does.
  const upgrade = ["upgrade", "agent", CHART, "--namespace", AGENT_NAMESPACE, "--reuse-values"];
  doesNotMatch((await cluster.helm(...upgrade)).stdout, /WARNING/);
  installed.print();
});
