import { doesNotMatch, equal, match, rejects } from "node:assert/strict";
import { CHART } from "../harness/kubernetes/helm.ts";
import { until } from "../harness/until.ts";
import { PAUSE_IMAGE } from "./images.ts";
import { beginToEnd, check, hurry, InstalledNode } from "./installed_node.ts";

/** Of which the machine configuration knows nothing at first. */
const NAMESPACE = "elsewhere";
const RELEASE = ["agent", CHART, "--namespace", NAMESPACE];

/** In place of a label of the namespace. */
const EXEMPTION = {
  cluster: {
    apiServer: {
      admissionControl: [{
        name: "PodSecurity",
        configuration: { exemptions: { namespaces: [NAMESPACE] } },
      }],
    },
  },
};

const ACCESS = {
  machine: {
    features: { kubernetesTalosAPIAccess: { allowedKubernetesNamespaces: [NAMESPACE] } },
  },
};

const PRIVILEGED_POD = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "privileged", namespace: NAMESPACE },
  spec: {
    containers: [{ name: "pause", image: PAUSE_IMAGE, securityContext: { privileged: true } }],
  },
};

Deno.test("the chart where it is refused all that it needs, until it gets it", async (test) => {
  await using installed = await InstalledNode.prepare();
  await using on = await installed.startEmpty(NAMESPACE);
  const { machine, cluster, agent, ask } = on;

  const upgrade = async (...options: readonly string[]): Promise<string> => {
    const { stdout } = await cluster.helm("upgrade", ...RELEASE, "--reuse-values", ...options);
    return stdout;
  };
  const untilRefused = async (reason: RegExp): Promise<void> => {
    await until(`Talos refuses it: ${reason}`, async () => {
      const { stdout } = await cluster.kubectl([
        ...["get", "serviceaccounts.talos.dev", "--namespace", NAMESPACE],
        "--output=jsonpath={.items[*].status.failureReason}",
      ]);
      return reason.test(stdout) || undefined;
    }, 120_000);
    const warning = /^WARNING: Talos refuses credentials to .*$/m.exec(await upgrade());
    match(warning?.[0] ?? "", reason);
  };
  const isWithoutCredentials = async (): Promise<void> => {
    const { code, stdout } = await check(on);
    equal(code, 2);
    match(stdout, /^failed +talosconfig .*there is no such file$/m);
    match(stdout, /^failed +http .*is not ready: credentials: /m);
    equal((await agent.pod())?.ready, false);
    await rejects(ask("guest-shutdown"), /there is no such file/);
  };

  await test.step("PodSecurity, until the machine configuration exempts the namespace", async () => {
    const create = async () =>
      await cluster.tryKubectl(
        ["create", "--dry-run=server", "--validate=false", "--filename=-"],
        JSON.stringify(PRIVILEGED_POD),
      );
    const refused = await create();
    match(refused.stderr, /violates PodSecurity "baseline:latest"/);
    await cluster.patchConfiguration(EXEMPTION);
    // Talos starts the API server anew with it.
    await until(
      "the namespace is exempt",
      async () => (await create()).code === 0 || undefined,
      300_000,
      3_000,
    );
  });

  await test.step("Talos, the namespace: the agent serves, and says what it lacks", async () => {
    await cluster.helm("install", ...RELEASE, "--set", "talos.role=os:admin");
    equal(JSON.stringify(await ask("guest-ping")), "{}");
    await untilRefused(/Namespace is not allowed: elsewhere/);
    await isWithoutCredentials();
    match(await agent.log(), /"guest-shutdown will not work".*there is no such file/);
  });

  await test.step("Talos, the role", async () => {
    await cluster.patchConfiguration(ACCESS);
    await untilRefused(/Roles not allowed: \[os:admin\]/);
    await isWithoutCredentials();
  });

  await test.step("with all of it the same pod gets Ready", async () => {
    const before = await agent.pod();
    await upgrade("--set", "talos.role=os:operator");
    await until("there are credentials", async () => {
      const secrets = ["get", "secrets", "--namespace", NAMESPACE, "--output=name"];
      return (await cluster.kubectl(secrets)).stdout.includes("talos") || undefined;
    }, 120_000);
    await hurry(on);
    const after = await agent.until("the pod is Ready", ({ ready }) => ready);
    equal(after.uid, before?.uid);
    equal(after.restarts, before?.restarts);
    const { code, stdout } = await check(on);
    equal(code, 0, stdout);
    match(stdout, /^ok +role +os:operator$/m);
    doesNotMatch(await upgrade(), /WARNING/);
    await beginToEnd(machine);
  });

  installed.print();
});
