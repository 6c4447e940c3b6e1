import { Daemon } from "../harness/daemon.ts";
import { type FixtureTree, plant } from "../harness/fixtures/tree.ts";
import { freePort } from "../harness/free_port.ts";
import { EXECUTABLE } from "../harness/running_agent.ts";
import type { ControlPlane } from "../harness/kubernetes/control_plane.ts";

/** A pod, as far as kubelet's part needs it. */
interface Pod {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly deletionTimestamp?: string;
  };
  readonly spec: {
    readonly nodeName?: string;
    readonly volumes: readonly {
      readonly configMap?: { readonly name: string };
      readonly secret?: { readonly secretName: string };
    }[];
  };
  readonly status?: {
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

/** The agent in a pod, and where it answers. */
interface RunningPod {
  readonly agent: Daemon;
  readonly port: number;
  /** Its options. */
  readonly options: readonly string[];
}

/** How long an agent that is told to stop may take. */
const STOP_TIMEOUT_MS = 5_000;

/** How long to wait before all pods are looked at again. */
const PAUSE_MS = 100;

/**
 * Plays kubelet on made-up Nodes for the pods of a namespace: runs the executable with the pod's
 * configuration and credentials on the machine that the Node stands for, gives the pod the readiness that
 * /readyz says, and ends it when it is to go. A Secret must be there before the pod.
 */
export class Kubelets implements AsyncDisposable {
  readonly #controlPlane: ControlPlane;
  readonly #namespace: string;
  readonly #directory: string;
  readonly #nodes: ReadonlySet<string>;
  readonly #running = new Map<string, RunningPod>();
  #stopping = false;
  #work: Promise<void> = Promise.resolve();

  private constructor(
    controlPlane: ControlPlane,
    namespace: string,
    directory: string,
    nodes: readonly string[],
  ) {
    this.#controlPlane = controlPlane;
    this.#namespace = namespace;
    this.#directory = directory;
    this.#nodes = new Set(nodes);
  }

  /**
   * Starts one for each of these Nodes; pods on others stay Pending.
   *
   * @param machines by the Node's name, its files in `proc`, `sys`, `dev` and `root`
   */
  static async start(
    controlPlane: ControlPlane,
    namespace: string,
    machines: Readonly<Record<string, FixtureTree>>,
  ): Promise<Kubelets> {
    const directory = await Deno.makeTempDir({ prefix: "kubelets-" });
    for (const [node, tree] of Object.entries(machines)) await plant(`${directory}/${node}`, tree);
    const kubelets = new Kubelets(controlPlane, namespace, directory, Object.keys(machines));
    kubelets.#work = kubelets.#workUntilStopped();
    return kubelets;
  }

  /** What the agent on a Node says at /readyz; undefined as long as none answers. */
  async readinessOn(node: string): Promise<string | undefined> {
    const pods = await this.#pods();
    const uid = pods.find(({ spec }) => spec.nodeName === node)?.metadata.uid ?? "";
    const running = this.#running.get(uid);
    return running === undefined ? undefined : (await readiness(running.port))?.text;
  }

  /** The options of each agent, by its pod's name. */
  async options(): Promise<Map<string, readonly string[]>> {
    return new Map(
      (await this.#pods()).flatMap(({ metadata: { name, uid } }) => {
        const running = this.#running.get(uid);
        return running === undefined ? [] : [[name, running.options] as const];
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    try {
      await this.#work;
    } finally {
      for (const { agent } of this.#running.values()) await agent[Symbol.asyncDispose]();
      await Deno.remove(this.#directory, { recursive: true });
    }
  }

  async #workUntilStopped(): Promise<void> {
    while (!this.#stopping) {
      const pods = await this.#pods();
      await Promise.all(pods.map((pod) => this.#lookAfter(pod)));
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  async #pods(): Promise<readonly Pod[]> {
    const path = `/api/v1/namespaces/${this.#namespace}/pods`;
    return (await this.#controlPlane.api.list(path)) as unknown as Pod[];
  }

  async #lookAfter(pod: Pod): Promise<void> {
    const { metadata: { name, uid, deletionTimestamp }, spec: { nodeName } } = pod;
    if (nodeName === undefined || !this.#nodes.has(nodeName)) return;
    const path = `/api/v1/namespaces/${this.#namespace}/pods/${name}`;
    const running = this.#running.get(uid);
    if (deletionTimestamp !== undefined) {
      this.#running.delete(uid);
      await running?.agent.stop(STOP_TIMEOUT_MS);
      await this.#controlPlane.api.remove(path);
    } else if (running === undefined) {
      this.#running.set(uid, await this.#run(pod, nodeName));
    } else {
      const ready = (await readiness(running.port))?.status === 200;
      const status = ready ? "True" : "False";
      const { conditions = [] } = pod.status ?? {};
      if (conditions.some((each) => each.type === "Ready" && each.status === status)) return;
      const now = new Date().toISOString().replace(/\.\d+/, "");
      const agent = {
        ...{ name: "agent", image: "", imageID: "", ready, restartCount: 0 },
        state: { running: { startedAt: now } },
      };
      await this.#controlPlane.api.merge(`${path}/status`, {
        status: {
          phase: "Running",
          conditions: [{ type: "Ready", status, lastTransitionTime: now }],
          containerStatuses: [agent],
        },
      });
    }
  }

  async #run({ metadata: { uid }, spec: { volumes } }: Pod, node: string): Promise<RunningPod> {
    const name = volumes.find(({ configMap }) => configMap !== undefined)?.configMap?.name;
    const path = `/api/v1/namespaces/${this.#namespace}/configmaps/${name}`;
    const { data } = await this.#controlPlane.api.read<{ data: Record<string, string> }>(path);
    const secret = volumes.find(({ secret }) => secret !== undefined)?.secret?.secretName;
    const machine = `${this.#directory}/${node}`;
    const own = `${this.#directory}/${uid}`;
    await plant(own, {
      ...{ "qga.yaml": data["qga.yaml"] ?? "", "state/": "", "secret/": "" },
      ...(secret === undefined ? {} : await this.#secretFiles(secret)),
    });
    const port = freePort();
    const options = [
      ...[`--config=${own}/qga.yaml`, `--statedir=${own}/state`],
      ...["proc", "sys", "dev"].map((tree) => `--path-${tree}fs=${machine}/${tree}`),
      ...[`--path-rootfs=${machine}/root`, `--listen-address=127.0.0.1:${port}`],
      ...(secret === undefined ? [] : [`--talosconfig=${own}/secret`]),
    ];
    return { agent: new Daemon(EXECUTABLE, options, `${own}/log`), port, options };
  }

  /** None where there is no such Secret: the chart's volume is optional. */
  async #secretFiles(name: string): Promise<FixtureTree> {
    const path = `/api/v1/namespaces/${this.#namespace}/secrets/${name}`;
    const { data } = (await this.#controlPlane.api.get(path) ?? {}) as {
      readonly data?: Readonly<Record<string, string>>;
    };
    return Object.fromEntries(
      Object.entries(data ?? {}).map(([key, base64]) => [`secret/${key}`, atob(base64)]),
    );
  }
}

/** Undefined when nobody listens. */
async function readiness(port: number): Promise<{ status: number; text: string } | undefined> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`);
    return { status: response.status, text: (await response.text()).trim() };
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}
