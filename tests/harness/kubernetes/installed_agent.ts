import type { CommandResult } from "../command.ts";
import type { CommandResult as ShellResult } from "../qemu/control_shell.ts";
import type { TimeoutOptions } from "../unix_stream.ts";
import { until } from "../until.ts";

/** An API server, asked as its administrator by kubectl. */
export interface ApiServer {
  /** Runs kubectl, and throws with its complaint if it fails. */
  readonly kubectl: (args: readonly string[]) => Promise<CommandResult>;
}

/** A shell on the node, as root in its PID namespace, to which its /proc, /sys/fs/cgroup and /var are known. */
export interface NodeShell {
  /** Runs a command. */
  readonly run: (command: string, options?: TimeoutOptions) => Promise<ShellResult>;
}

/** A container as its pod's status shows it. */
export interface AgentPod {
  readonly name: string;
  readonly uid: string;
  readonly ready: boolean;
  /** How often the agent's container was started again. */
  readonly restarts: number;
}

/** In the image. */
const EXECUTABLE = "/qemu-ga-talos";

/** Looked at more often, an API server under emulation would have no time for its node. */
const PAUSE_MS = 1_000;

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
  readonly #apiServer: ApiServer;
  readonly #node: NodeShell;
  readonly #namespace: string;

  constructor(apiServer: ApiServer, node: NodeShell, namespace: string) {
    this.#apiServer = apiServer;
    this.#node = node;
    this.#namespace = namespace;
  }

  /** The one pod, or undefined when there is none, or more. */
  async pod(): Promise<AgentPod | undefined> {
    const { stdout } = await this.#apiServer.kubectl([
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
   * Waits until the pod is as it is to be. An API server that does not answer, as after a freeze of its
   * disk, is asked again.
   *
   * @throws {Error} if it is not in time, with the agent's log.
   */
  async until(
    what: string,
    is: (pod: AgentPod) => boolean,
    timeoutMs = 120_000,
  ): Promise<AgentPod> {
    let failure = "";
    const look = async (): Promise<AgentPod | undefined> => {
      try {
        failure = "";
        const pod = await this.pod();
        return pod !== undefined && is(pod) ? pod : undefined;
      } catch (error) {
        failure = `, the last time ${error}`;
        return undefined;
      }
    };
    try {
      return await until(() => `${what}${failure}`, look, timeoutMs, PAUSE_MS);
    } catch (error) {
      const described = await this.#apiServer.kubectl([
        ...["describe", "pods", "--namespace", this.#namespace],
      ]);
      throw new Error(`${what}:\n${described.stdout}\n${await this.log()}`, { cause: error });
    }
  }

  /** What the agents of all its pods have written, until now. */
  async log(): Promise<string> {
    const { stdout } = await this.#node.run(
      `cat /var/log/pods/${this.#namespace}_*/agent/*.log`,
    );
    // Each line has the time, the stream and a tag before it.
    return stdout.replaceAll(/^\S+ std(?:out|err) [FP] /gm, "");
  }

  /** See `ContainerMemory`. */
  async memory(name: ContainerName = "agent"): Promise<ContainerMemory> {
    const { cgroup } = await this.process(name);
    const { stdout } = await this.#node.run(
      `cd ${cgroup} && ` +
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
   * A container's process and cgroup.
   *
   * @throws {Error} if there is not one.
   */
  async process(name: ContainerName): Promise<{ readonly pid: number; readonly cgroup: string }> {
    const { stdout } = await this.#node.run(
      `for file in $(grep -l '^${EXECUTABLE}' /proc/[0-9]*/cmdline 2>/dev/null); do ` +
        "process=${file%/cmdline}; " +
        'echo "${process#/proc/} $(cut -d : -f 3 $process/cgroup | tail -n 1)' +
        " $(tr '\\0' ' ' <$process/cmdline)\"; done 2>/dev/null",
    );
    const found: { pid: number; cgroup: string }[] = [];
    for (const line of stdout.split("\n")) {
      const [pid, cgroup = "", program, word] = line.split(" ");
      const isIt = name === "guard" ? word === "guard" : word?.startsWith("-");
      if (program === EXECUTABLE && isIt) {
        found.push({ pid: Number(pid), cgroup: `/sys/fs/cgroup${cgroup}` });
      }
    }
    const [only] = found;
    if (found.length !== 1 || only === undefined) {
      throw new Error(`${found.length} processes on the node are the ${name}`);
    }
    return only;
  }
}
