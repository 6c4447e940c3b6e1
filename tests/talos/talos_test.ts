import { deepEqual, doesNotMatch, equal, match, ok } from "node:assert/strict";
import { InstalledAgent } from "../harness/kubernetes/installed_agent.ts";
import { killWhileFrozen } from "../harness/kubernetes/kill_while_frozen.ts";
import { CHART } from "../harness/kubernetes/helm.ts";
import { until } from "../harness/until.ts";
import { addExtension } from "./extension.ts";
import { addAgentImage, PAUSE_IMAGE } from "./images.ts";
import { AGENT_NAMESPACE, NODE_ADDRESS } from "./machine_configuration.ts";
import { readPhases } from "./phases.ts";
import type { TalosCluster } from "./talos_cluster.ts";
import { TALOS_VERSION } from "./talos_files.ts";
import type { TalosMachine } from "./talos_machine.ts";
import { TalosNode } from "./talos_node.ts";

const MIB = 1024 * 1024;
const SLOW = { timeoutMs: 120_000 };
/** The chart is installed in it, and its pod is Ready. */
const INSTALLED = "installed";
const RELEASE = ["agent", CHART, "--namespace", AGENT_NAMESPACE];
/** An emulated node on a busy machine takes its time to stop. */
const POWER_TIMEOUT_MS = 300_000;

/** What was measured; printed at the end. */
const figures: [what: string, figure: string][] = [];

function secondsSince(begin: number): string {
  return `${((performance.now() - begin) / 1000).toFixed(1)} s`;
}

/** A machine that continues from a snapshot, and who is asked about it. */
interface Running {
  readonly machine: TalosMachine;
  readonly cluster: TalosCluster;
  readonly agent: InstalledAgent;
  /** Asks the agent, as a hypervisor does: connects, synchronises, asks, leaves. */
  readonly ask: (command: string, args?: Record<string, unknown>) => Promise<unknown>;
}

async function running(node: TalosNode, machine: TalosMachine): Promise<Running> {
  const cluster = await node.cluster(machine);
  const ask = async (command: string, args?: Record<string, unknown>): Promise<unknown> => {
    await using client = await machine.agent();
    await client.sync(SLOW);
    return await client.execute(command, args, SLOW);
  };
  return { machine, cluster, ask, agent: new InstalledAgent(cluster, machine, AGENT_NAMESPACE) };
}

/**
 * Has the agent end the machine, as a hypervisor does, and waits until it has.
 *
 * @returns what QEMU tells of the end
 */
async function power(
  { machine }: Running,
  mode: "powerdown" | "reboot",
): Promise<Readonly<Record<string, unknown>>> {
  await using client = await machine.agent();
  await client.sync(SLOW);
  await client.request("guest-shutdown", { mode });
  const { data } = await machine.qmp.waitEvent("SHUTDOWN", { timeoutMs: POWER_TIMEOUT_MS });
  return data;
}

/** The phases of how the machine went down that took the longest, in a line. */
async function longPhases(machine: TalosMachine): Promise<string> {
  const phases = readPhases(await machine.console()).filter(({ seconds }) => seconds >= 1);
  return phases.map(({ name, seconds }) => `${name} ${seconds.toFixed(0)}`).join(", ");
}

Deno.test("the chart on Talos", async (test) => {
  const begin = performance.now();
  const say = (what: string) => console.log(`${secondsSince(begin)}: ${what}`);
  await using resources = new AsyncDisposableStack();
  const node = resources.use(await TalosNode.prepare(say));
  figures.push(["a node that is Ready", secondsSince(begin)]);
  const directory = await Deno.makeTempDir({ prefix: "talos-images-" });
  resources.defer(() => Deno.remove(directory, { recursive: true }));
  await addAgentImage(node.registry, directory);

  const installed = await test.step("installed as the documentation says", async () => {
    await using machine = await node.start();
    const { cluster, ask } = await running(node, machine);
    const started = performance.now();
    await cluster.kubectl(["create", "namespace", AGENT_NAMESPACE]);
    const label = "pod-security.kubernetes.io/enforce=privileged";
    await cluster.kubectl(["label", "namespace", AGENT_NAMESPACE, label]);
    const { stdout } = await cluster.helm("install", ...RELEASE, "--wait", "--timeout", "8m");
    doesNotWarn(stdout);
    figures.push(["helm install to Ready", secondsSince(started)]);
    deepEqual(await ask("guest-ping"), {});
    await machine.saveSnapshot(INSTALLED);
  });
  // Everything else needs it.
  if (!installed) return;

  await test.step("while it runs", async (test) => {
    await using machine = await node.start(INSTALLED);
    const on = await running(node, machine);
    const { ask, cluster, agent } = on;
    // The clock of the machine goes on from the snapshot's time, and its lease ran out meanwhile.
    await agent.until("the pod is Ready", ({ ready }) => ready);

    await test.step("the hypervisor sees Talos, its name and addresses", async () => {
      const os = await ask("guest-get-osinfo");
      equal((os as Record<string, unknown>)["pretty-name"], `Talos (${TALOS_VERSION})`);
      const name = (await ask("guest-get-host-name") as Record<string, string>)["host-name"];
      const nodes = await cluster.kubectl(["get", "nodes", "--output=name"]);
      equal(nodes.stdout.trim(), `node/${name}`);
      const interfaces = JSON.stringify(await ask("guest-network-get-interfaces"));
      match(interfaces, new RegExp(`"ip-address":"${NODE_ADDRESS}"`));
    });

    await test.step("only what can be written is frozen and trimmed", async () => {
      const fileSystems = await ask("guest-get-fsinfo") as { mountpoint: string; type: string }[];
      const types = fileSystems.map(({ mountpoint, type }) => `${mountpoint} ${type}`);
      deepEqual(types.sort(), ["/ squashfs", "/var xfs"]);
      const { paths } = await ask("guest-fstrim") as { paths: Record<string, unknown>[] };
      deepEqual(paths.map(({ path }) => path), ["/var"]);
      ok(paths.every((path) => !("error" in path)), JSON.stringify(paths));
      equal(await ask("guest-fsfreeze-freeze"), 1);
      equal(await ask("guest-fsfreeze-thaw"), 1);
    });

    await test.step("the agent's own check is content", async () => {
      const report = await cluster.tryKubectl([
        ...["exec", "--namespace", AGENT_NAMESPACE, "daemonset/agent-qemu-guest-agent-talos"],
        ...["--container", "agent", "--", "/qemu-ga-talos", "check"],
        ...["--config", "/etc/qemu-guest-agent-talos/qga.yaml"],
      ]);
      console.log(report.stdout, report.stderr);
      equal(report.code, 0);
      match(report.stdout, /os:operator/);
      match(report.stdout, /^ok +freeze, trim +\/var$/m);
      doesNotMatch(report.stdout, /^failed/m);
    });

    await test.step("both containers are small", async () => {
      for (const [name, most] of [["agent", 30], ["guard", 20]] as const) {
        const { current, anonymous } = await agent.memory(name);
        const mib = (bytes: number) => (bytes / MIB).toFixed(1);
        const text = `${mib(current)} MiB (anonymous ${mib(anonymous)})`;
        figures.push([`memory of ${name}`, text]);
        ok(current <= most * MIB, text);
      }
    });

    await test.step("a namespace and a role that Talos does not allow", async () => {
      const refused = async (namespace: string, role: string): Promise<string> => {
        await cluster.kubectl(
          ["apply", "--filename=-"],
          JSON.stringify({
            apiVersion: "talos.dev/v1alpha1",
            kind: "ServiceAccount",
            metadata: { name: "refused", namespace },
            spec: { roles: [role] },
          }),
        );
        return await until("Talos says why", async () => {
          const { stdout } = await cluster.kubectl([
            ...["get", "serviceaccounts.talos.dev", "refused", "--namespace", namespace],
            "--output=jsonpath={.status.failureReason}",
          ]);
          return stdout === "" ? undefined : stdout;
        });
      };
      match(await refused("default", "os:operator"), /Namespace is not allowed: default/);
      match(await refused(AGENT_NAMESPACE, "os:admin"), /Roles not allowed: \[os:admin\]/);
    });

    await killWhileFrozen({
      test,
      names: [
        "kill -9 of the agent",
        "the agent out of memory",
        "kill -9 of the guard, then of the agent",
      ],
      ...{ agent, ask, figures },
      guest: machine,
      fileSystems: 1,
      helm: async (...args) => (await cluster.helm(...args)).stdout,
      kubectl: async (...args) => (await cluster.kubectl(args)).stdout,
      namespace: AGENT_NAMESPACE,
    });
  });

  /** Lets the agent end a machine on which the chart is installed. */
  const end = async (
    what: string,
    mode: "powerdown" | "reboot",
    before: (on: Running) => Promise<unknown> = () => Promise.resolve(),
  ): Promise<{ data: Readonly<Record<string, unknown>>; console: string }> => {
    await using machine = await node.start(INSTALLED);
    const on = await running(node, machine);
    await on.agent.until("the pod is Ready", ({ ready }) => ready);
    await before(on);
    const started = performance.now();
    const data = await power(on, mode);
    const phases = await longPhases(machine);
    figures.push([what, `${secondsSince(started)}: ${phases}`]);
    return { data, console: await machine.console() };
  };

  await test.step("guest-shutdown", async () => {
    const { data } = await end("guest-shutdown", "powerdown");
    deepEqual(data, { guest: true, reason: "guest-shutdown" });
  });

  await test.step("guest-shutdown with a drain that cannot end", async () => {
    const { data, console } = await end(
      "  with a drain that cannot end",
      "powerdown",
      async (on) => {
        await blockDrain(on.cluster);
      },
    );
    deepEqual(data, { guest: true, reason: "guest-shutdown" });
    match(console, /shutdown failed: .*context canceled|sequence .*canceled/);
  });

  await test.step("guest-shutdown while everything is frozen", async () => {
    const { data } = await end("  while everything is frozen", "powerdown", async ({ ask }) => {
      equal(await ask("guest-fsfreeze-freeze"), 1);
    });
    deepEqual(data, { guest: true, reason: "guest-shutdown" });
  });

  await test.step("guest-shutdown in mode reboot", async () => {
    const { data } = await end("reboot", "reboot");
    deepEqual(data, { guest: true, reason: "guest-reset" });
  });

  await test.step("as a system extension, in maintenance mode", async () => {
    await using machine = await node.startUnconfigured(addExtension);
    const started = performance.now();
    // As Terraform does: it waits from the start for the addresses.
    await using client = await machine.agent();
    await client.sync({ timeoutMs: 600_000 });
    figures.push(["extension: from the start to the first answer", secondsSince(started)]);
    const os = await client.execute("guest-get-osinfo", undefined, SLOW);
    equal((os as Record<string, unknown>)["pretty-name"], `Talos (${TALOS_VERSION})`);
    await until("the machine has its address", async () => {
      const interfaces = await client.execute("guest-network-get-interfaces", undefined, SLOW);
      return JSON.stringify(interfaces).includes(`"ip-address":"${NODE_ADDRESS}"`) || undefined;
    });
    const asked = performance.now();
    await client.request("guest-shutdown");
    const { data } = await machine.qmp.waitEvent("SHUTDOWN", { timeoutMs: POWER_TIMEOUT_MS });
    deepEqual(data, { guest: true, reason: "guest-shutdown" });
    figures.push(["extension: guest-shutdown in maintenance mode", secondsSince(asked)]);
  });

  const width = Math.max(...figures.map(([what]) => what.length));
  const table = figures.map(([what, figure]) => `${what.padEnd(width)}  ${figure}`);
  console.log(`on Talos ${TALOS_VERSION}\n${table.join("\n")}\n-`);
});

function doesNotWarn(notes: string): void {
  ok(!notes.includes("WARNING"), notes);
}

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
