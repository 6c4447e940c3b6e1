/** The agent's Kubernetes events, on the real API server and with the chart's rights. */

import assert from "node:assert/strict";
import { InClusterApi } from "../../agent/kubernetes/in_cluster_api.ts";
import { KubernetesEvents } from "../../agent/kubernetes/events.ts";
import { silentLog } from "../../agent/log/log.ts";
import { EXECUTABLE, RunningAgent } from "../harness/running_agent.ts";
import { CHART } from "../harness/kubernetes/helm.ts";
import type { ControlPlane } from "../harness/kubernetes/control_plane.ts";
import type { KubernetesObject } from "../harness/kubernetes/api.ts";
import { applyNode } from "./nodes.ts";
import { until } from "../harness/until.ts";

const NAMESPACE = "events";
const NODE = "evented";
const ACCOUNT = "agent-qemu-guest-agent-talos";
const EVENTS = "/apis/events.k8s.io/v1/namespaces/default/events";

/**
 * Where kubelet puts what belongs to a ServiceAccount, in a mount namespace of the agent's own: what is
 * otherwise in /var/run is covered.
 */
const WITH_ACCOUNT = `mount -t tmpfs agent /run
secrets=/run/secrets/kubernetes.io/serviceaccount
mkdir -p "$secrets"
printf %s "$AGENT_TOKEN" >"$secrets/token"
printf %s "$AGENT_CA" >"$secrets/ca.crt"
exec "$@"`;

/** An agent as it runs in a pod whose ServiceAccount has this token. */
async function startAgent(
  controlPlane: ControlPlane,
  token: string,
  port: number = controlPlane.port,
): Promise<RunningAgent> {
  const directory = await Deno.makeTempDir();
  const options = [
    "--kubernetes-events",
    `--talosconfig=${directory}/missing`,
    `--logfile=${directory}/log`,
  ];
  const env = {
    KUBERNETES_SERVICE_HOST: "127.0.0.1",
    KUBERNETES_SERVICE_PORT: `${port}`,
    NODE_NAME: NODE,
    POD_NAME: "agent-x7x2p",
    POD_NAMESPACE: NAMESPACE,
    AGENT_TOKEN: token,
    AGENT_CA: await Deno.readTextFile(controlPlane.certificateAuthority),
  };
  const unshare = ["unshare", "--mount", "--map-root-user", "sh", "-c", WITH_ACCOUNT, "sh"];
  return await RunningAgent.startIn(directory, options, env, [...unshare, EXECUTABLE]);
}

/** What a fault in the credentials makes the agent tell, and that it answers all the same. */
async function failToShutDown(agent: RunningAgent): Promise<void> {
  await using client = await agent.client();
  await client.sync();
  await assert.rejects(client.execute("guest-shutdown"));
  await client.execute("guest-ping");
}

async function tokenOf(controlPlane: ControlPlane, account: string): Promise<string> {
  const args = ["create", "token", account, `--namespace=${NAMESPACE}`];
  return (await controlPlane.kubectl(args)).stdout.trim();
}

async function eventOf(controlPlane: ControlPlane, reason: string): Promise<KubernetesObject> {
  return await until(`an event ${reason}`, async () => {
    const events = await controlPlane.api.list(EVENTS);
    return events.find((event) => event["reason"] === reason);
  });
}

/** The lines about lost events in an agent's log. */
async function losses(agent: RunningAgent): Promise<string[]> {
  const log = await Deno.readTextFile(`${agent.directory}/log`);
  return log.split("\n").filter((line) => line.includes("a Kubernetes event was lost"));
}

/** Waits for the line, and stops the agent; there must be no second one. */
async function theOneLoss(agent: RunningAgent): Promise<string> {
  const line = await until("a line about a lost event", async () => (await losses(agent))[0]);
  assert.equal((await agent.stop("SIGTERM")).code, 0);
  assert.deepEqual(await losses(agent), [line]);
  return line;
}

/** Registers the tests. They need the executable. */
export function registerEventTests(cluster: () => ControlPlane): void {
  Deno.test("events: from an agent with the chart's rights, on its Node", async (t) => {
    const controlPlane = cluster();
    await controlPlane.kubectl(["create", "namespace", NAMESPACE]);
    await controlPlane.helm(4, [
      ...["install", "agent", CHART, `--namespace=${NAMESPACE}`, "--set=events.enabled=true"],
    ]);
    await applyNode(controlPlane, NODE);
    const token = await tokenOf(controlPlane, ACCOUNT);

    await t.step("a shutdown that fails", async () => {
      await using agent = await startAgent(controlPlane, token);
      await failToShutDown(agent);
      const event = await eventOf(controlPlane, "ShutdownFailed");
      assert.equal(event["type"], "Warning");
      assert.deepEqual(event["related"], {
        apiVersion: "v1",
        kind: "Pod",
        name: "agent-x7x2p",
        namespace: NAMESPACE,
      });
      assert.equal((await agent.stop("SIGTERM")).code, 0);
      assert.deepEqual(await losses(agent), []);
    });

    await t.step("all that can be told is a valid Event", async () => {
      const directory = await Deno.makeTempDir();
      await Deno.writeTextFile(`${directory}/token`, token);
      await Deno.copyFile(controlPlane.certificateAuthority, `${directory}/ca.crt`);
      const lost: unknown[] = [];
      const events = new KubernetesEvents({
        api: new InClusterApi({ host: "127.0.0.1", port: `${controlPlane.port}`, directory }),
        log: { ...silentLog, warn: (_message, fields) => lost.push(fields) },
        nodeName: NODE,
        pod: undefined,
        timeoutMs: 10_000,
      });
      events.send({ type: "Normal", reason: "Longest", action: "Test", note: "ü€".repeat(900) });
      await eventOf(controlPlane, "Longest");
      await events[Symbol.asyncDispose]();
      assert.deepEqual(lost, []);
      await Deno.remove(directory, { recursive: true });
    });

    await t.step("people find them by both of kubectl's ways", async () => {
      const list = await controlPlane.kubectl(["get", "events.events.k8s.io"]);
      assert.match(list.stdout, /Warning +ShutdownFailed +node\/evented/i);
      const node = await controlPlane.kubectl(["describe", "node", NODE]);
      assert.match(node.stdout, /Warning +ShutdownFailed .*qemu-guest-agent-talos/);
    });

    await t.step("the rights go no further", async () => {
      for (
        const [verb, resource, namespace] of [
          ["create", "events.events.k8s.io", NAMESPACE],
          ["list", "events.events.k8s.io", "default"],
          ["get", "nodes", "default"],
          ["get", "secrets", NAMESPACE],
        ] as const
      ) {
        const { stdout } = await controlPlane.tryKubectl([
          ...["auth", "can-i", verb, resource, `--namespace=${namespace}`],
          `--as=system:serviceaccount:${NAMESPACE}:${ACCOUNT}`,
        ]);
        assert.equal(stdout.trim(), "no", `${verb} ${resource} in ${namespace}`);
      }
    });

    await t.step("without the rights: one line, and the agent serves", async () => {
      await using agent = await startAgent(controlPlane, await tokenOf(controlPlane, "default"));
      await failToShutDown(agent);
      assert.match(await theOneLoss(agent), /403: events\.events\.k8s\.io is forbidden/);
    });

    await t.step("without an API server: one line, and the agent serves", async () => {
      using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const { port } = listener.addr;
      listener.close();
      await using agent = await startAgent(controlPlane, token, port);
      await failToShutDown(agent);
      assert.match(await theOneLoss(agent), /cannot be asked/);
    });

    await t.step("with an API server that says nothing: the agent serves, and stops", async () => {
      using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      await using agent = await startAgent(controlPlane, token, listener.addr.port);
      using _connection = await listener.accept();
      await failToShutDown(agent);
      assert.equal((await agent.stop("SIGTERM")).code, 0);
      assert.deepEqual(await losses(agent), []);
    });

    await controlPlane.kubectl(["delete", "node", NODE]);
    await controlPlane.helm(4, ["uninstall", "agent", `--namespace=${NAMESPACE}`]);
  });
}
