import { equal } from "node:assert/strict";
import { type CommandResult, run } from "../harness/command.ts";
import { CHART } from "../harness/kubernetes/helm.ts";
import { InstalledAgent } from "../harness/kubernetes/installed_agent.ts";
import { killWhileFrozen, type MisfortuneName } from "../harness/kubernetes/kill_while_frozen.ts";
import { isFile } from "../harness/qemu/programs.ts";
import { EXECUTABLE } from "../harness/running_agent.ts";
import { until } from "../harness/until.ts";
import { addAgentImage } from "./images.ts";
import { AGENT_NAMESPACE } from "./machine_patches.ts";
import { listLongPhases } from "./phases.ts";
import type { TalosCluster } from "./talos_cluster.ts";
import { TALOS_VERSION } from "./talos_version.ts";
import type { TalosMachine } from "./talos_machine.ts";
import { TalosNode } from "./talos_node.ts";

/** An emulated node on a busy machine takes its time to answer, and to stop. */
export const SLOW = { timeoutMs: 120_000 };
const POWER_TIMEOUT_MS = 300_000;
/** The chart is installed in it, and its pod is Ready. */
const INSTALLED = "installed";
const RELEASE = ["agent", CHART, "--namespace", AGENT_NAMESPACE];

/** How long it has been since `begin`, which is of `performance.now()`. */
export function secondsSince(begin: number): string {
  return `${((performance.now() - begin) / 1000).toFixed(1)} s`;
}

/** A machine that continues from a snapshot, and who is asked about it. */
export interface Running {
  readonly machine: TalosMachine;
  readonly cluster: TalosCluster;
  /** Where the chart is installed. */
  readonly namespace: string;
  readonly agent: InstalledAgent;
  /** Asks the agent, as a hypervisor does: connects, synchronises, asks, leaves. */
  readonly ask: (command: string, args?: Record<string, unknown>) => Promise<unknown>;
}

/** How a machine has ended. */
export interface Ending {
  /** What QEMU tells of it. */
  readonly data: Readonly<Record<string, unknown>>;
  /** What Talos has written to the console since the snapshot. */
  readonly console: string;
}

/** A node with Talos on which the chart is installed, to be continued from there as often as one likes. */
export class InstalledNode implements AsyncDisposable {
  readonly node: TalosNode;
  /** What was measured. */
  readonly figures: [what: string, figure: string][] = [];

  private constructor(node: TalosNode) {
    this.node = node;
  }

  /**
   * The node, on which nothing is installed yet.
   *
   * @throws {Error} if it does not come up
   */
  static async prepare(): Promise<InstalledNode> {
    const begin = performance.now();
    const node = await TalosNode.prepare((what) => console.log(`${secondsSince(begin)}: ${what}`));
    const installed = new InstalledNode(node);
    installed.figures.push(["a node that is Ready", secondsSince(begin)]);
    return installed;
  }

  /**
   * The node with the chart on it as `install` leaves it, which another test of this agent and this chart may have
   * done before.
   *
   * @throws {Error} if the node does not come up, or the agent does not get Ready
   */
  static async installed(): Promise<InstalledNode> {
    const installed = await InstalledNode.prepare();
    try {
      if (!await installed.#isInstalled()) await installed.install();
      return installed;
    } catch (error) {
      await installed[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Installs the chart with its defaults, as the documentation says; all that is started later begins there.
   *
   * @returns Helm's notes
   * @throws {Error} if it does not get Ready
   */
  async install(): Promise<string> {
    await Deno.writeTextFile(this.#note(), "");
    await using on = await this.startEmpty(AGENT_NAMESPACE);
    const { cluster, machine, ask } = on;
    const label = "pod-security.kubernetes.io/enforce=privileged";
    await cluster.kubectl(["label", "namespace", AGENT_NAMESPACE, label]);
    const started = performance.now();
    const { stdout } = await cluster.helm("install", ...RELEASE, "--wait", "--timeout", "8m");
    this.figures.push(["helm install to Ready", secondsSince(started)]);
    equal(JSON.stringify(await ask("guest-ping")), "{}");
    await machine.saveSnapshot(INSTALLED);
    await Deno.writeTextFile(this.#note(), await installedKey());
    return stdout;
  }

  /**
   * Continues from where nothing is installed.
   *
   * @param namespace is made, for a chart to be installed in it
   */
  async startEmpty(namespace: string): Promise<Running & AsyncDisposable> {
    await using resources = new AsyncDisposableStack();
    const directory = await Deno.makeTempDir({ prefix: "talos-images-" });
    resources.defer(() => Deno.remove(directory, { recursive: true }));
    await addAgentImage(this.node.registry, directory);
    const on = await this.#with(await this.node.start(), namespace);
    await on.cluster.kubectl(["create", "namespace", namespace]);
    return on;
  }

  /** Continues from where the chart is installed, and waits until the pod is Ready. */
  async start(): Promise<Running & AsyncDisposable> {
    const on = await this.#with(await this.node.start(INSTALLED), AGENT_NAMESPACE);
    // The clock of the machine goes on from the snapshot's time, and its lease ran out meanwhile.
    await on.agent.until("the pod is Ready", ({ ready }) => ready);
    return on;
  }

  /**
   * Continues from there and has the agent end the machine, as a hypervisor does.
   *
   * @param before what is done first
   */
  async end(
    what: string,
    mode: "powerdown" | "reboot",
    before: (on: Running) => Promise<unknown> = () => Promise.resolve(),
  ): Promise<Ending> {
    await using on = await this.start();
    await before(on);
    const started = performance.now();
    const data = await endMachine(on.machine, mode);
    const console = await on.machine.console();
    this.figures.push([what, `${secondsSince(started)}: ${listLongPhases(console)}`]);
    return { data, console };
  }

  /** Lets the agent come to harm while everything is frozen; see there. */
  async killWhileFrozen(
    test: Deno.TestContext,
    { ask, cluster, agent, machine }: Running,
    names: readonly MisfortuneName[],
  ): Promise<void> {
    await killWhileFrozen({
      ...{ test, names, agent, ask, figures: this.figures },
      guest: machine,
      ...{ fileSystems: 1, freezesEtcd: true },
      helm: async (...args) => (await cluster.helm(...args)).stdout,
      kubectl: async (...args) => (await cluster.kubectl(args)).stdout,
      namespace: AGENT_NAMESPACE,
    });
  }

  /** Prints what was measured. */
  print(): void {
    const width = Math.max(...this.figures.map(([what]) => what.length));
    const table = this.figures.map(([what, figure]) => `${what.padEnd(width)}  ${figure}`);
    console.log(`on Talos ${TALOS_VERSION}\n${table.join("\n")}\n-`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.node[Symbol.asyncDispose]();
  }

  /** Says what is installed in the snapshot. */
  #note(): string {
    return `${this.node.cache}/${INSTALLED}`;
  }

  async #isInstalled(): Promise<boolean> {
    const note = this.#note();
    return await isFile(note) && await Deno.readTextFile(note) === await installedKey();
  }

  async #with(machine: TalosMachine, namespace: string): Promise<Running & AsyncDisposable> {
    const cluster = await this.node.cluster(machine);
    const ask = async (command: string, args?: Record<string, unknown>): Promise<unknown> => {
      await using client = await machine.agent();
      await client.sync(SLOW);
      return await client.execute(command, args, SLOW);
    };
    const agent = new InstalledAgent(cluster, machine, namespace);
    const dispose = () => machine[Symbol.asyncDispose]();
    return { machine, cluster, namespace, ask, agent, [Symbol.asyncDispose]: dispose };
  }
}

/**
 * Has the agent end a machine, as a hypervisor does, and waits until it has.
 *
 * @returns what QEMU tells of the end
 */
async function endMachine(
  machine: TalosMachine,
  mode: "powerdown" | "reboot",
): Promise<Readonly<Record<string, unknown>>> {
  await using client = await machine.agent();
  await client.sync(SLOW);
  await client.request("guest-shutdown", { mode });
  const { data } = await machine.qmp.waitEvent("SHUTDOWN", { timeoutMs: POWER_TIMEOUT_MS });
  return data;
}

/**
 * Has the agent end a machine, as a hypervisor does, and waits until Talos has begun with it: what follows, which takes
 * a minute, is the same whatever led to it.
 */
export async function beginToEnd(machine: TalosMachine): Promise<void> {
  await using client = await machine.agent();
  await client.sync(SLOW);
  await client.request("guest-shutdown");
  await until(
    "Talos shuts down",
    async () => /shutdown via API received/.test(await machine.console()) || undefined,
    60_000,
    500,
  );
}

/** What `check` says in the agent's container, and its status. */
export async function check({ cluster, namespace }: Running): Promise<CommandResult> {
  return await cluster.tryKubectl([
    ...["exec", "--namespace", namespace, "daemonset/agent-qemu-guest-agent-talos"],
    ...["--container", "agent", "--", "/qemu-ga-talos", "check"],
    ...["--config", "/etc/qemu-guest-agent-talos/qga.yaml"],
  ]);
}

/** Has Talos look after the ServiceAccount, and kubelet after the pod's Secret, as both do every minute by themselves. */
export async function hurry({ cluster, namespace }: Running): Promise<void> {
  const annotate = ["annotate", "--namespace", namespace, "--all", "--overwrite"];
  const annotation = `hurry=${performance.now()}`;
  for (const kind of ["serviceaccounts.talos.dev", "pods"]) {
    await cluster.kubectl([...annotate, kind, annotation]);
  }
}

/**
 * Waits until Talos has begun with what follows the drain, and gives its console.
 *
 * @param from where its console begins that matters, such as after a reboot, in characters
 */
export async function untilDrained(machine: TalosMachine, from = 0): Promise<string> {
  return await until(
    "Talos is past the drain",
    async () => {
      const console = (await machine.console()).slice(from);
      return /phase cleanup \(\S+\): \d+ tasks/.test(console) ? console : undefined;
    },
    120_000,
    500,
  );
}

/** Of everything that is installed. */
async function installedKey(): Promise<string> {
  const files = (await run("find", CHART, "-type", "f")).trim().split("\n").sort();
  return await run("sha256sum", EXECUTABLE, ...files);
}
