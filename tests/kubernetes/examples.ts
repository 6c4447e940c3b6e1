/** The values files of docs/examples: each installed by the commands at its top, with agents that run. */

import assert from "node:assert/strict";
import { parse } from "yaml";
import type { FixtureTree } from "../harness/fixtures/tree.ts";
import {
  exampleFiles,
  HELM_VERSIONS,
  type HelmVersion,
  modeName,
} from "../harness/kubernetes/helm.ts";
import type { ControlPlane } from "../harness/kubernetes/control_plane.ts";
import type { KubernetesObject } from "../harness/kubernetes/api.ts";
import { createAuthority, issueClient } from "../harness/talos/pki.ts";
import { talosconfigText } from "../harness/talos/talosconfig_text.ts";
import { Kubelets } from "./kubelets.ts";
import { GUEST, METAL } from "./machines.ts";
import { applyNode, boundNodes, waitForPodsOn } from "./nodes.ts";

const RELEASE = "qemu-guest-agent-talos";
const NAMESPACE = "qemu-guest-agent";
/** Of the Talos ServiceAccount, and of the Secret that Talos makes for it. */
const TALOS_ACCOUNT = `${RELEASE}-talos-secrets`;

/** What of a pod's spec an example decides. */
interface PodSpec {
  readonly containers: readonly { readonly image: string }[];
  readonly imagePullSecrets?: readonly { readonly name: string }[];
  readonly volumes: readonly { readonly secret?: { readonly secretName: string } }[];
}

/** An example that is installed. */
interface Installed {
  readonly controlPlane: ControlPlane;
  readonly kubelets: Kubelets;
  /** Of one of its pods. */
  readonly pod: PodSpec;
  /** Those in its namespace. */
  readonly talosAccounts: readonly KubernetesObject[];
}

interface Example {
  /** The machines of the cluster, by their Nodes' names. Default: one guest with a port. */
  readonly machines?: Readonly<Record<string, FixtureTree>>;
  /** The Nodes that get an agent. Default: all. */
  readonly nodes?: readonly string[];
  /** Asserts what makes it this example. */
  readonly check: (installed: Installed) => Promise<void> | void;
}

const EXPECTED: Readonly<Record<string, Example>> = {
  "proxmox-service-account": {
    check({ pod, talosAccounts }) {
      assert.deepEqual(talosAccounts.map(({ metadata: { name }, spec }) => ({ name, spec })), [
        { name: TALOS_ACCOUNT, spec: { roles: ["os:operator"] } },
      ]);
      assert.deepEqual(secretsOf(pod), [TALOS_ACCOUNT]);
    },
  },
  "proxmox-secret": {
    check({ pod, talosAccounts }) {
      assert.deepEqual(talosAccounts, []);
      assert.deepEqual(secretsOf(pod), ["talosconfig"]);
    },
  },
  "gitops": {
    check({ talosAccounts: [account] }) {
      assert.equal(
        account?.metadata.annotations?.["argocd.argoproj.io/sync-options"],
        "SkipDryRunOnMissingResource=true",
      );
    },
  },
  "mixed-cluster": {
    machines: { "labelled-metal": METAL, "metal": METAL, "vm": GUEST },
    nodes: ["metal", "vm"],
    async check({ kubelets }) {
      assert.equal(await kubelets.readinessOn("vm"), "ready");
      assert.match(
        await kubelets.readinessOn("metal") ?? "",
        /^ready; port does not count: this machine is no QEMU guest \(bare metal\)/,
      );
    },
  },
  "air-gapped": {
    async check({ controlPlane, pod }) {
      const registry = "registry.example.com:5000";
      for (const { image } of pod.containers) {
        assert.match(image, new RegExp(`^${registry}/qemu-guest-agent-talos@sha256:[0-9a-f]{64}$`));
      }
      assert.deepEqual(pod.imagePullSecrets, [{ name: "regcred" }]);
      const secret = await controlPlane.api.read<{ data: Record<string, string> }>(
        `/api/v1/namespaces/${NAMESPACE}/secrets/regcred`,
      );
      const login = JSON.parse(atob(secret.data[".dockerconfigjson"] ?? "")) as { auths: object };
      assert.deepEqual(Object.keys(login.auths), [registry]);
    },
  },
  "kubevirt-tenant": {
    async check({ controlPlane, pod, talosAccounts }) {
      assert.deepEqual(talosAccounts, []);
      assert.deepEqual(secretsOf(pod), []);
      const { data } = await controlPlane.api.read<{ data: Record<string, string> }>(
        `/api/v1/namespaces/${NAMESPACE}/configmaps/${RELEASE}`,
      );
      assert.equal("talosconfig" in parse(data["qga.yaml"] ?? ""), false);
    },
  },
};

function secretsOf({ volumes }: PodSpec): string[] {
  return volumes.map(({ secret }) => secret?.secretName).filter((name) => name !== undefined);
}

/** The commands at the top of an example, in words. */
async function commandsOf(file: string): Promise<readonly (readonly string[])[]> {
  const [top = ""] = (await Deno.readTextFile(file)).split("\n\n");
  return [...top.matchAll(/^# {6}(\S.*)$/gm)].map(([, command = ""]) => command.split(" "));
}

/** A talosconfig as Talos would make it; nobody serves its API. */
async function newTalosconfig(): Promise<string> {
  const authority = await createAuthority();
  const client = await issueClient(authority, { roles: ["os:operator"] });
  return talosconfigText({ ca: authority.certificate, client });
}

/** Runs the commands of an example; gives what Helm printed. */
async function follow(
  controlPlane: ControlPlane,
  helm: HelmVersion,
  commands: readonly (readonly string[])[],
): Promise<string> {
  const talosconfig = `${controlPlane.directory}/qga-talosconfig`;
  let notes = "";
  for (const [program, ...words] of commands) {
    const args = words.map((word) => word.replace("qga-talosconfig", talosconfig))
      .map((word) => word === "NODE" ? "labelled-metal" : word);
    if (program === "kubectl") await controlPlane.kubectl(args);
    else if (program === "helm") {
      await makeTalosSecret(controlPlane);
      const { stdout } = await controlPlane.helm(helm, [...args, "--wait", "--timeout=60s"]);
      notes = stdout;
    } else if (program === "talosctl" && args.includes("config")) {
      await Deno.writeTextFile(talosconfig, await newTalosconfig());
    } else {
      // The cluster here has access to the Talos API from the start, and pulls no image.
      assert(program === "talosctl" || program === "podman", `what is ${program}?`);
    }
  }
  return notes;
}

/** What Talos does as soon as there is a ServiceAccount of its kind; nothing asks for it otherwise. */
async function makeTalosSecret(controlPlane: ControlPlane): Promise<void> {
  await controlPlane.apply(JSON.stringify({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: TALOS_ACCOUNT, namespace: NAMESPACE },
    stringData: { config: await newTalosconfig() },
  }));
}

async function installAndCheck(
  controlPlane: ControlPlane,
  helm: HelmVersion,
  file: string,
): Promise<void> {
  const example = EXPECTED[modeName(file)];
  assert(example, `nothing is expected of ${file}`);
  const { machines = { vm: GUEST }, check } = example;
  for (const node of Object.keys(machines)) await applyNode(controlPlane, node);
  {
    await using kubelets = await Kubelets.start(controlPlane, NAMESPACE, machines);
    const notes = await follow(controlPlane, helm, await commandsOf(file));
    assert.match(notes, /STATUS: deployed/);
    // Whoever has done what the example asks for has nothing left to do.
    assert.doesNotMatch(notes, /WARNING/);
    assert.deepEqual(
      await boundNodes(controlPlane, NAMESPACE),
      example.nodes ?? Object.keys(machines),
    );
    const [pod] = await controlPlane.api.list(`/api/v1/namespaces/${NAMESPACE}/pods`);
    const talos = `/apis/talos.dev/v1alpha1/namespaces/${NAMESPACE}/serviceaccounts`;
    const talosAccounts = await controlPlane.api.list(talos);
    await check({ controlPlane, kubelets, pod: pod?.["spec"] as PodSpec, talosAccounts });
    await controlPlane.helm(helm, ["uninstall", RELEASE, `--namespace=${NAMESPACE}`, "--wait"]);
    // Otherwise the namespace waits for their grace period.
    await waitForPodsOn(controlPlane, NAMESPACE, []);
    await controlPlane.kubectl(["delete", "namespace", NAMESPACE]);
  }
  await controlPlane.kubectl(["delete", "node", ...Object.keys(machines)]);
}

/** Registers the tests. They need the CRD of Talos and the executable. */
export function registerExampleTests(cluster: () => ControlPlane): void {
  for (const helm of HELM_VERSIONS) {
    Deno.test(`examples: installed as each of them says, with Helm ${helm}`, async (t) => {
      const files = await exampleFiles();
      assert.deepEqual(files.map(modeName), Object.keys(EXPECTED).sort());
      for (const file of files) {
        await t.step(modeName(file), () => installAndCheck(cluster(), helm, file));
      }
    });
  }
}
