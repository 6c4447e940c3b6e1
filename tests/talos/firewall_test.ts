import { equal, match, ok } from "node:assert/strict";
import { freePort } from "../harness/free_port.ts";
import { until } from "../harness/until.ts";
import { beginToEnd, InstalledNode } from "./installed_node.ts";
import type { TalosMachine } from "./talos_machine.ts";

/** The metrics' port, unless one says otherwise. */
const METRICS_PORT = 9777;
/** Where what QEMU hands to the machine comes from. */
const NEIGHBOURS = "10.0.2.0/24";
const NOT_NEIGHBOURS = "192.0.2.0/24";

function rule(name: string, port: number, subnet: string): Record<string, unknown> {
  return {
    apiVersion: "v1alpha1",
    kind: "NetworkRuleConfig",
    name,
    portSelector: { ports: [port], protocol: "tcp" },
    ingress: [{ subnet }],
  };
}

/** A node that blocks by default needs rules for what the test itself asks. */
const BLOCK = [
  { apiVersion: "v1alpha1", kind: "NetworkDefaultActionConfig", ingress: "block" },
  rule("apid", 50000, NEIGHBOURS),
  rule("kubernetes", 6443, NEIGHBOURS),
];

Deno.test("the agent behind the firewall of Talos", async (test) => {
  await using installed = await InstalledNode.installed();
  await using on = await installed.start();
  const { machine, cluster, agent, ask } = on;
  const url = await forward(machine, METRICS_PORT);
  const untilMetrics = async (what: string, areThere: boolean): Promise<void> => {
    await until(what, async () => (await metrics(url) !== undefined) === areThere || undefined);
  };

  await test.step("its metrics are for everybody where there is none", async () => {
    match(await metrics(url) ?? "", /^qga_/m);
  });

  await test.step("a rule closes them to all others, on a node that accepts by default", async () => {
    await cluster.patchConfiguration(
      rule("qemu-guest-agent-talos-metrics", METRICS_PORT, NOT_NEIGHBOURS),
    );
    await untilMetrics("they are closed", false);
  });

  await test.step("on a node that blocks by default, its pod stays Ready", async () => {
    await cluster.patchConfiguration(...BLOCK);
    const before = await agent.pod();
    // Two periods of each probe.
    await new Promise((resolve) => setTimeout(resolve, 25_000));
    const after = await agent.pod();
    ok(after?.ready);
    equal(after?.restarts, before?.restarts);
    equal(await metrics(url), undefined);
    equal(JSON.stringify(await ask("guest-ping")), "{}");
  });

  await test.step("there the rule opens them, and nothing else of it needs one", async () => {
    await cluster.patchConfiguration(
      rule("qemu-guest-agent-talos-metrics", METRICS_PORT, NEIGHBOURS),
    );
    await untilMetrics("they are open", true);
    await beginToEnd(machine);
  });
});

/** Has QEMU hand a port of this machine to one of the virtual machine; gives the metrics' address there. */
async function forward(machine: TalosMachine, to: number): Promise<string> {
  const port = freePort();
  const line = `hostfwd_add network tcp:127.0.0.1:${port}-:${to}`;
  equal(await machine.qmp.execute("human-monitor-command", { "command-line": line }), "");
  return `http://127.0.0.1:${port}/metrics`;
}

/** What is there, or undefined when there is no answer. */
async function metrics(url: string): Promise<string | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
    return await response.text();
  } catch {
    return undefined;
  }
}
