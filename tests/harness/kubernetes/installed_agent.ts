import type { ControlPlane } from "../harness/kubernetes/control_plane.ts";
import { until } from "../harness/until.ts";
import type { KubernetesNode } from "./kubernetes_node.ts";

/** A container as its pod's status shows it. */
export interface AgentPod {
  readonly name: string;
  readonly uid: string;
  readonly ready: boolean;
  /** How often the agent's container was started again. */
  readonly restarts: number;
}

/** A container of the pod. */
export type ContainerName = "agent" | "guard";

/** The memory of the agent's container, in bytes, as its cgroup counts it. */
export interface ContainerMemory {
  /** memory.current: with the page cache that it was the first to use. */
  readonly current: number;
  /** memory.peak. */
  readonly peak: number;
  /** Of `current`, what is not backed by a file. */
  readonly anonymous: number;
  /** How often the kernel killed something in it for want of memory. */
  readonly kills: number;
}

/** The agent that a release of the chart has put on the node. */
export class InstalledAgent {
  readonly #controlPlane: ControlPlane;
  readonly #node: KubernetesNode;
  readonly #namespace: string;

  constructor(controlPlane: ControlPlane, node: KubernetesNode, namespace: string) {
    this.#controlPlane = controlPlane;
    this.#node = node;
    this.#namespace = namespace;
  }

  /** The one pod, or undefined when there is none, or more. */
  async pod(): Promise<AgentPod | undefined> {
    const { stdout } = await this.#controlPlane.kubectl([
      ...["get", "pods", "--namespace", this.#namespace, "--output=json"],
      "--selector=app.kubernetes.io/name=qemu-guest-agent-talos,!helm.sh/hook",
    ]);
    const { items } = JSON.parse(stdout);
    if (items.length !== 1) return undefined;
    const [{ metadata, status }] = items;
    const container = (status.containerStatuses ?? [])
      .find(({ name }: { readonly name: string }) => name === "agent");
    return {
      name: metadata.name,
      uid: metadata.uid,
      ready: container?.ready === true,
      restarts: container?.restartCount ?? 0,
    };
  }

  /**
   * Waits until the pod is as it is to be.
   *
   * @throws {Error} if it is not in time, with the agent's log.
   */
  async until(
    what: string,
    is: (pod: AgentPod) => boolean,
    timeoutMs = 120_000,
  ): Promise<AgentPod> {
    try {
      return await until(what, async () => {
        const pod = await this.pod();
        return pod !== undefined && is(pod) ? pod : undefined;
      }, timeoutMs);
    } catch (error) {
      const described = await this.#controlPlane.kubectl([
        ...["describe", "pods", "--namespace", this.#namespace],
      ]);
      throw new Error(`${what}:\n${described.stdout}\n${await this.log()}`, { cause: error });
    }
  }

  /** What the agents of all its pods have written, until now. */
  async log(): Promise<string> {
    const { stdout } = await this.#node.guest.run(
      `cat /var/log/pods/${this.#namespace}_*/agent/*.log`,
    );
    // Each line has the time, the stream and a tag before it.
    return stdout.replaceAll(/^\S+ std(?:out|err) [FP] /gm, "");
  }

  /** Runs the executable in the container, beside the agent. */
  async execute(args: string): Promise<{ status: number; stdout: string; stderr: string }> {
    const { container } = await this.#container("agent");
    return await this.#node.guest.run(
      `ctr -n k8s.io tasks exec --exec-id e$$ ${container} /qemu-ga-talos ${args}`,
      { timeoutMs: 60_000 },
    );
  }

  /** See `ContainerMemory`. */
  async memory(name: ContainerName = "agent"): Promise<ContainerMemory> {
    const { container } = await this.#container(name);
    const { stdout } = await this.#node.guest.run(
      `cd ${cgroupOf(container)} && ` +
        "cat memory.current memory.peak 2>/dev/null; grep '^anon ' memory.stat; " +
        "grep '^oom_kill ' memory.events",
    );
    const numbers = stdout.trim().split("\n").map((line) => Number(line.split(" ").at(-1)));
    const kills = numbers.pop() ?? NaN;
    const anonymous = numbers.pop() ?? NaN;
    const [current = NaN, peak = NaN] = numbers;
    return { current, peak, anonymous, kills };
  }

  /**
   * A container's process and cgroup. They are asked for before a freeze of everything: containerd answers
   * nobody during one.
   */
  async process(name: ContainerName): Promise<{ readonly pid: number; readonly cgroup: string }> {
    const { container, pid } = await this.#container(name);
    const { stdout } = await this.#node.guest.run(`echo ${cgroupOf(container)}`);
    return { pid, cgroup: stdout.trim() };
  }

  async #container(
    name: ContainerName,
  ): Promise<{ readonly container: string; readonly pid: number }> {
    const { stdout } = await this.#node.guest.run(
      "ctr -n k8s.io tasks list | grep RUNNING | while read -r id pid status; do " +
        `ctr -n k8s.io containers info $id | grep -q '"io.kubernetes.container.name": "${name}"' ` +
        "&& echo $id $pid; done; true",
      { timeoutMs: 60_000 },
    );
    const containers = stdout.trim().split("\n").filter((line) => line !== "");
    const [container, pid] = containers[0]?.split(" ") ?? [];
    if (containers.length !== 1 || container === undefined) {
      throw new Error(`${containers.length} containers of the name ${name} run on the node`);
    }
    return { container, pid: Number(pid) };
  }
}

function cgroupOf(container: string): string {
  return `$(find /sys/fs/cgroup -type d -name '*${container}*' | head -n 1)`;
}
