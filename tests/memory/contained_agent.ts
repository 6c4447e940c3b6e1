import { freePort } from "../harness/free_port.ts";
import { EXECUTABLE, RunningAgent } from "../harness/running_agent.ts";
import { until } from "../harness/until.ts";
import type { GuestAgentClient } from "../harness/qemu/guest_agent_client.ts";
import { MemoryCgroup } from "./memory_cgroup.ts";

/**
 * Makes a root with an ext4 on a loop device below a directory, and a tmpfs for the state; the host's
 * trees get other names, which Deno lets the agent read.
 */
const MAKE_TREES = `set -e; cd "$1"
truncate -s 32M disk.img && mkfs.ext4 -q -F disk.img
mkdir root state proc sys
mount -t tmpfs none root && mkdir root/var && mount -o loop disk.img root/var
mount -t tmpfs none state && mount --bind /proc proc && mount --bind /sys sys
echo ready; exec sleep infinity`;

/** Gets into the cgroup and runs the rest of its arguments. */
const ENTER = 'echo $$ >"$0" && exec "$@"';

/**
 * The compiled agent as in its container: in a cgroup with a limit of memory, with metrics, and with a
 * root one of whose file systems can be frozen. It needs root.
 */
export class ContainedAgent implements AsyncDisposable {
  readonly cgroup: MemoryCgroup;
  readonly agent: RunningAgent;
  /** Where metrics are. */
  readonly address: string;
  readonly #resources: AsyncDisposableStack;

  private constructor(
    cgroup: MemoryCgroup,
    agent: RunningAgent,
    address: string,
    resources: AsyncDisposableStack,
  ) {
    this.cgroup = cgroup;
    this.agent = agent;
    this.address = address;
    this.#resources = resources;
  }

  /** Starts one with more options, and waits until it serves everything. */
  static async start(limitMiB: number, options: readonly string[]): Promise<ContainedAgent> {
    await using resources = new AsyncDisposableStack();
    const cgroup = resources.use(MemoryCgroup.create(limitMiB));
    const namespace = resources.use(await MountNamespace.create());
    const { directory } = namespace;
    // Pages of the executable that are in memory already are not the cgroup's.
    for await (const _chunk of (await Deno.open(EXECUTABLE)).readable);
    const address = `127.0.0.1:${freePort()}`;
    const agent = resources.use(
      await RunningAgent.startIn(
        await Deno.makeTempDir({ prefix: "memory-agent-" }),
        [
          ...["--listen-address", address, "--statedir", `${directory}/state`],
          ...["--path-rootfs", `${directory}/root`, "--path-procfs", `${directory}/proc`],
          ...["--path-sysfs", `${directory}/sys`, ...options],
        ],
        {},
        [...namespace.command, "sh", "-c", ENTER, cgroup.procs, EXECUTABLE],
      ),
    );
    await until("HTTP is served", async () => {
      const response = await fetch(`http://${address}/livez`).catch(() => undefined);
      return await response?.text();
    });
    return new ContainedAgent(cgroup, agent, address, resources.move());
  }

  /** A new client of it. */
  client(): Promise<GuestAgentClient> {
    return this.agent.client();
  }

  /** Scrapes the metrics once. */
  async scrape(): Promise<string> {
    const response = await fetch(`http://${this.address}/metrics`);
    return await response.text();
  }

  /** Ends it, thaws what it has left frozen, and removes everything. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]();
  }
}

/** A mount namespace with the trees of an agent, kept by a process that sleeps. */
class MountNamespace implements AsyncDisposable {
  /** Where the trees are, `root`, `state`, `proc` and `sys`. */
  readonly directory: string;
  readonly #keeper: Deno.ChildProcess;

  private constructor(keeper: Deno.ChildProcess, directory: string) {
    this.#keeper = keeper;
    this.directory = directory;
  }

  static async create(): Promise<MountNamespace> {
    const directory = await Deno.makeTempDir({ prefix: "memory-" });
    const keeper = new Deno.Command("unshare", {
      args: ["--mount", "sh", "-c", MAKE_TREES, "sh", directory],
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const reader = keeper.stdout.getReader();
    const { value } = await reader.read();
    await reader.cancel();
    if (value === undefined) {
      throw new Error(`cannot make a root to freeze: ${await new Response(keeper.stderr).text()}`);
    }
    await keeper.stderr.cancel();
    return new MountNamespace(keeper, directory);
  }

  /** What comes before a command that is to run in it. */
  get command(): string[] {
    return ["nsenter", `--mount=/proc/${this.#keeper.pid}/ns/mnt`, `--wd=${Deno.cwd()}`];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const [program = "", ...args] = this.command;
    // An agent that was killed has left it frozen, and it could not be unmounted; else this fails.
    await new Deno.Command(program, {
      args: [...args, "fsfreeze", "--unfreeze", `${this.directory}/root/var`],
      stderr: "null",
    }).output();
    this.#keeper.kill("SIGKILL");
    await this.#keeper.status;
    await Deno.remove(this.directory, { recursive: true });
  }
}
