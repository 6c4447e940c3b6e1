import assert from "node:assert/strict";
import { parseWords } from "../../agent/cli/command_line.ts";
import type { Config } from "../../agent/config/config.ts";
import { loadConfig } from "../../agent/config/load_config.ts";
import {
  type KubernetesObject,
  modeName,
  parseObjects,
  render,
  valuesFiles,
} from "../harness/kubernetes/helm.ts";

/** A container, as far as it is read here. */
interface Container {
  readonly name: string;
  readonly args: readonly string[];
  readonly env: readonly { readonly name: string; readonly value?: string }[];
}

function agentContainer(objects: readonly KubernetesObject[]): Container {
  const daemonSet = objects.find(({ kind }) => kind === "DaemonSet") as unknown as {
    readonly spec: { readonly template: { readonly spec: { readonly containers: Container[] } } };
  };
  const agent = daemonSet.spec.template.spec.containers.find(({ name }) => name === "agent");
  assert(agent);
  return agent;
}

function configFile(objects: readonly KubernetesObject[]): string {
  const files = objects.filter(({ kind }) => kind === "ConfigMap")
    .map((object) => (object["data"] as Record<string, string> | undefined)?.["qga.yaml"])
    .filter((text) => text !== undefined);
  assert.equal(files.length, 1);
  return files[0] ?? "";
}

/** What the agent makes of a rendered pod; the downward API says 192.0.2.1 to everything. */
async function agentConfig(valuesFile: string): Promise<Config> {
  const objects = parseObjects(await render({ valuesFiles: [valuesFile] }));
  const { args, env } = agentContainer(objects);
  const variables = new Map(
    env.map(({ name, value }) => [name, value?.replace("$(NODE_IP)", "192.0.2.1") ?? "192.0.2.1"]),
  );
  return await loadConfig(parseWords(args), {
    environment: (name) => variables.get(name),
    readTextFile: (path) => {
      assert.equal(path, "/etc/qemu-guest-agent-talos/qga.yaml");
      return configFile(objects);
    },
    exists: () => true,
  });
}

const NODE_ADDRESS = "192.0.2.1";

/** Where the agent listens in some modes: undefined for all addresses. Elsewhere on the node's own. */
const LISTEN_ADDRESSES = new Map([
  ["everything", "0.0.0.0"],
  ["loopback", "127.0.0.1"],
  ["pod-network", undefined],
]);

/** The mode without access to the Talos API. */
const WITHOUT_TALOS = "kubevirt-tenant";

for (const file of await valuesFiles()) {
  const mode = modeName(file);
  Deno.test(`the agent takes its configuration in the mode ${mode}`, async () => {
    const config = await agentConfig(file);
    assert.equal(config.statedir, "/run/qemu-guest-agent-talos");
    const listens = LISTEN_ADDRESSES.has(mode) ? LISTEN_ADDRESSES.get(mode) : NODE_ADDRESS;
    assert.equal(config.listenAddress?.hostname, listens);
    const talosconfig = mode === WITHOUT_TALOS ? undefined : "/var/run/secrets/talos.dev";
    assert.equal(config.talosconfig, talosconfig);
    assert.deepEqual(config.talosEndpoints, mode === WITHOUT_TALOS ? [] : [NODE_ADDRESS]);
  });
}
