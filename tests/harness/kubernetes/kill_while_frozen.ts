import assert from "node:assert/strict";
import { until } from "../until.ts";
import type { AgentPod, InstalledAgent, NodeShell } from "./installed_agent.ts";

/** What can happen to the agent while everything is frozen. */
export type MisfortuneName =
  | "kill -9 of the agent"
  | "the agent out of memory"
  | "the pod deleted"
  | "kill -9 of the guard, then of the agent"
  | "the agent stopped past its deadline"
  | "the chart upgraded";

/** What `killWhileFrozen` works with. */
export interface KillOptions {
  readonly test: Deno.TestContext;
  /** What is to happen. */
  readonly names: readonly MisfortuneName[];
  readonly agent: InstalledAgent;
  readonly guest: NodeShell;
  /** How many file systems a freeze of everything freezes. */
  readonly fileSystems: number;
  /** Whether etcd's disk is one of them, so that Kubernetes takes nothing until the freeze is over. */
  readonly freezesEtcd: boolean;
  /** Asks the agent, as a hypervisor does. */
  readonly ask: (command: string) => Promise<unknown>;
  readonly helm: (...args: string[]) => Promise<string>;
  readonly kubectl: (...args: string[]) => Promise<string>;
  readonly namespace: string;
  /** Takes what was measured. */
  readonly figures: [what: string, figure: string][];
}

/** Something that happens to the agent while everything is frozen. */
interface Misfortune {
  readonly name: MisfortuneName;
  /** A shell command on the node; `$agent` and `$guard` are processes, `$cgroup` the agent's. */
  readonly command?: string;
  /** The same from outside. */
  readonly act?: () => Promise<unknown>;
  /** What the client's next thaw is told. */
  readonly told: RegExp;
  /** Within which time the node can be written again, in milliseconds. */
  readonly withinMs: number;
  /** What the pod is like afterwards. */
  readonly then: (pod: AgentPod, before: AgentPod) => boolean;
}

/** The time limit of these freezes, in seconds. */
const LIMIT_SECONDS = 20;
/** On the disk of containerd and kubelet. */
const FILE = "/var/written";

/**
 * Has somebody write to the frozen /var, and lets something happen.
 *
 * @param command of a shell on the node, by which it happens; the time begins with it
 * @param act what is done from outside besides
 * @returns for how many milliseconds he still had to wait
 * @throws {Error} if /var is not frozen, or not thawed within a minute
 */
export async function timeFrozenAfter(
  guest: NodeShell,
  command: string,
  act: () => Promise<unknown> = () => Promise.resolve(),
): Promise<number> {
  await guest.run(
    `rm -f /run/written; (echo x >${FILE} && sync ${FILE} && touch /run/written) >/dev/null 2>&1 &`,
  );
  assert.notEqual((await guest.run("usleep 500000; test -e /run/written")).status, 0);
  const uptime = "$(cut -d ' ' -f 1 /proc/uptime)";
  const watched = guest.run(
    `begin=${uptime}; ${command}\n` +
      `until test -e /run/written; do usleep 10000; done; echo $begin ${uptime}`,
    { timeoutMs: 60_000 },
  );
  await act();
  const [begin = NaN, end = NaN] = (await watched).stdout.trim().split(" ").map(Number);
  return Math.round((end - begin) * 1000);
}

/**
 * Freezes everything, the disk of containerd and kubelet too, with somebody who writes there, and lets the
 * agent and its guard come to harm. Each time the writer continues, the agent comes back, and the client is
 * told.
 */
export async function killWhileFrozen(options: KillOptions): Promise<void> {
  const { test, names, agent, guest, fileSystems, ask, helm, kubectl, namespace, figures } =
    options;
  const atOnce = { told: /since the agent was stopped/, withinMs: 5_000 };
  const atTheLimit = {
    told: new RegExp(`fsfreeze is limited up to ${LIMIT_SECONDS} seconds`),
    withinMs: (LIMIT_SECONDS + 5) * 1000,
  };
  const upgrade = async (...set: string[]) => {
    const command = ["upgrade", "agent", "chart", "--namespace", namespace, "--reuse-values"];
    await helm(...command, ...set, "--timeout", "4m");
  };
  const startedAgain = (pod: AgentPod, before: AgentPod) =>
    pod.uid === before.uid && pod.restarts > before.restarts;
  const sameAgent = (pod: AgentPod, before: AgentPod) =>
    pod.uid === before.uid && pod.restarts === before.restarts;
  const anotherPod = (pod: AgentPod, before: AgentPod) => pod.uid !== before.uid;

  const misfortunes: readonly Misfortune[] = [
    {
      name: "kill -9 of the agent",
      command: "kill -9 $agent",
      ...{ told: /^.*the freeze has ended too early.*by the guard/, withinMs: 5_000 },
      then: startedAgain,
    },
    {
      name: "the agent out of memory",
      // What it has cannot be taken from it: the kernel kills it.
      command: "echo 1M >$cgroup/memory.max",
      ...{ told: /by the guard/, withinMs: 5_000 },
      then: startedAgain,
    },
    {
      name: "the pod deleted",
      act: async () => {
        const pod = await agent.pod();
        await kubectl("delete", "pod", pod?.name ?? "", "--namespace", namespace, "--wait=false");
      },
      ...(options.freezesEtcd ? atTheLimit : atOnce),
      then: anotherPod,
    },
    {
      name: "kill -9 of the guard, then of the agent",
      command: "kill -9 $guard; usleep 1000000; kill -9 $agent",
      // On a slow machine the agent is killed before it has thawed all and written down why.
      ...{
        told: /since the agent's guard had ended|since it had been killed|by the guard/,
        withinMs: 5_000,
      },
      then: startedAgain,
    },
    {
      name: "the agent stopped past its deadline",
      command: `kill -STOP $agent; (sleep ${LIMIT_SECONDS + 6}; kill -CONT $agent) &`,
      ...{
        ...atTheLimit,
        told: new RegExp(`${atTheLimit.told.source}.*by the guard`),
      },
      then: sameAgent,
    },
    {
      name: "the chart upgraded",
      act: () => upgrade("--set", "podAnnotations.upgraded=yes"),
      ...(options.freezesEtcd ? atTheLimit : atOnce),
      then: anotherPod,
    },
  ];

  await test.step("a time limit for what follows", async () => {
    const before = await agent.pod();
    await upgrade("--set", `freeze.timeout=${LIMIT_SECONDS}s`, "--wait");
    await agent.until("the new pod is Ready", ({ uid, ready }) => ready && uid !== before?.uid);
  });

  for (const misfortune of misfortunes.filter(({ name }) => names.includes(name))) {
    await test.step(`everything frozen: ${misfortune.name}`, async () => {
      const before = await agent.until("the pod is Ready", ({ ready }) => ready);
      const [process, guard] = [await agent.process("agent"), await agent.process("guard")];
      await ask("guest-fsfreeze-thaw").catch(() => {});
      assert.equal(await ask("guest-fsfreeze-freeze"), fileSystems);
      const variables = `agent=${process.pid}; guard=${guard.pid}; cgroup=${process.cgroup}`;
      const milliseconds = await timeFrozenAfter(
        guest,
        `${variables}; ${misfortune.command ?? ""}`,
        misfortune.act,
      );
      figures.push([`${misfortune.name}: writable again after`, `${milliseconds} ms`]);
      assert.ok(milliseconds <= misfortune.withinMs, `${milliseconds} ms`);
      await agent.until(
        "the agent is back",
        (pod) => pod.ready && misfortune.then(pod, before),
        240_000,
      );
      assert.equal(await ask("guest-fsfreeze-status"), "thawed");
      await assert.rejects(ask("guest-fsfreeze-thaw"), misfortune.told);
      assert.equal(await ask("guest-fsfreeze-thaw"), 0);
    });
  }

  await test.step("the last freeze is in the metrics", async () => {
    const { stdout } = await guest.run("wget -q -O - http://10.0.2.15:9777/metrics");
    assert.match(stdout, /^qga_last_freeze_ended_by\{reason="(?:signal|guard|unguarded)"\} 1$/m);
    assert.match(stdout, /^qga_last_freeze_duration_seconds \d/m);
    await until("a guard watches", async () => {
      const metrics = await guest.run("wget -q -O - http://10.0.2.15:9777/metrics");
      return /^qga_guard_watching 1$/m.test(metrics.stdout) || undefined;
    });
  });
}
