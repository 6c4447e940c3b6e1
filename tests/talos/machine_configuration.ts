import { runCommand, succeeded } from "../harness/command.ts";
import { findProgram } from "../harness/qemu/programs.ts";

/** Where the machine finds the registry: an address of QEMU's network that leads to its socket. */
export const REGISTRY_ADDRESS = "10.0.2.100:5000";
/** The node's address in QEMU's network. */
export const NODE_ADDRESS = "10.0.2.15";
/** The namespace that may ask Talos for credentials. */
export const AGENT_NAMESPACE = "qemu-guest-agent";
/** Talos' roles that it may ask for. */
const ALLOWED_ROLE = "os:operator";
const KUBERNETES_VERSION = "1.36.3";

/** Without what an emulated machine would only be slowed down by; what stays is what the agent meets. */
const PATCH = {
  machine: {
    time: { disabled: true },
    kubelet: { extraConfig: { serializeImagePulls: true } },
    features: {
      kubePrism: { enabled: false },
      kubernetesTalosAPIAccess: {
        enabled: true,
        allowedRoles: [ALLOWED_ROLE],
        allowedKubernetesNamespaces: [AGENT_NAMESPACE],
      },
    },
    registries: { mirrors: { "*": { endpoints: [`http://${REGISTRY_ADDRESS}`] } } },
  },
  cluster: {
    apiServer: {
      extraArgs: { "enable-priority-and-fairness": "false", "watch-cache": "false" },
      auditPolicy: {
        apiVersion: "audit.k8s.io/v1",
        kind: "Policy",
        rules: [{ level: "None" }],
      },
    },
    controllerManager: {
      extraArgs: {
        "leader-elect": "false",
        "controllers": [
          "certificatesigningrequest-approving-controller",
          "certificatesigningrequest-signing-controller",
          "bootstrap-signer-controller",
          "daemonset-controller",
          "serviceaccount-controller",
          "serviceaccount-token-controller",
          "namespace-controller",
          "garbage-collector-controller",
          "root-ca-certificate-publisher-controller",
          "deployment-controller",
          "replicaset-controller",
          "node-lifecycle-controller",
          "node-ipam-controller",
          "disruption-controller",
        ].join(),
      },
    },
    scheduler: { extraArgs: { "leader-elect": "false" } },
    etcd: {
      extraArgs: {
        "unsafe-no-fsync": "true",
        "heartbeat-interval": "1000",
        "election-timeout": "10000",
      },
    },
    network: { cni: { name: "none" } },
    proxy: { disabled: true },
    coreDNS: { disabled: true },
    discovery: { enabled: false },
    allowSchedulingOnControlPlanes: true,
  },
};

/** Its sampling takes much of an emulated processor. */
const OOM_DOCUMENT = {
  apiVersion: "v1alpha1",
  kind: "OOMConfig",
  triggerExpression: "false",
  sampleInterval: "1h",
};

/**
 * Writes the machine configuration of a control plane node as `controlplane.yaml`, and `talosconfig`, by
 * talosctl, into a directory.
 *
 * @throws Error when talosctl is missing or refuses it
 */
export async function writeMachineConfiguration(directory: string): Promise<void> {
  const program = Deno.env.get("TALOSCTL") ?? await findProgram("talosctl", "talos");
  const patch = `${directory}/patch.yaml`;
  await Deno.writeTextFile(
    patch,
    // JSON is YAML.
    [PATCH, OOM_DOCUMENT].map((document) => JSON.stringify(document)).join("\n---\n"),
  );
  const args = [
    ...["gen", "config", "talos", `https://${NODE_ADDRESS}:6443`, "--install-disk", "/dev/vda"],
    ...["--kubernetes-version", KUBERNETES_VERSION, "--with-docs=false", "--with-examples=false"],
    ...["--config-patch", `@${patch}`, "--output", directory, "--force"],
    ...["--additional-sans", "127.0.0.1"],
  ];
  succeeded("talosctl gen config", await runCommand(program, args, { env: { HOME: directory } }));
}
