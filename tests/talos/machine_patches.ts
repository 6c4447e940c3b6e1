import { WHICH_TALOS } from "./talos_version.ts";

/** The namespace that may ask Talos for credentials. */
export const AGENT_NAMESPACE = "qemu-guest-agent";
/** Where the machine finds the registry: an address of QEMU's network that leads to its socket. */
export const REGISTRY_ADDRESS = "10.0.2.100:5000";

/** Talos' roles that it may ask for, and from where. */
const TALOS_API_ACCESS = {
  allowedRoles: ["os:operator"],
  allowedKubernetesNamespaces: [AGENT_NAMESPACE],
};
const REGISTRY = `http://${REGISTRY_ADDRESS}`;
const KUBELET = { serializeImagePulls: true };
const API_SERVER_ARGUMENTS = { "enable-priority-and-fairness": "false", "watch-cache": "false" };
const NO_AUDIT = { apiVersion: "audit.k8s.io/v1", kind: "Policy", rules: [{ level: "None" }] };
const CONTROLLERS = [
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
];
const CONTROLLER_MANAGER_ARGUMENTS = {
  "leader-elect": "false",
  "controllers": CONTROLLERS.join(),
};
const SCHEDULER_ARGUMENTS = { "leader-elect": "false" };
const ETCD = {
  extraArgs: {
    "unsafe-no-fsync": "true",
    "heartbeat-interval": "1000",
    "election-timeout": "10000",
  },
};

/** Its sampling takes much of an emulated processor. */
const OUT_OF_MEMORY = document("OOMConfig", { triggerExpression: "false", sampleInterval: "1h" });

/** Of one document, as a cluster is configured that was made before 1.14. */
const PATCHES = [
  {
    machine: {
      time: { disabled: true },
      kubelet: { extraConfig: KUBELET },
      features: {
        kubePrism: { enabled: false },
        kubernetesTalosAPIAccess: { enabled: true, ...TALOS_API_ACCESS },
      },
      registries: { mirrors: { "*": { endpoints: [REGISTRY] } } },
    },
    cluster: {
      apiServer: { extraArgs: API_SERVER_ARGUMENTS, auditPolicy: NO_AUDIT },
      controllerManager: { extraArgs: CONTROLLER_MANAGER_ARGUMENTS },
      scheduler: { extraArgs: SCHEDULER_ARGUMENTS },
      etcd: ETCD,
      network: { cni: { name: "none" } },
      proxy: { disabled: true },
      coreDNS: { disabled: true },
      discovery: { enabled: false },
      allowSchedulingOnControlPlanes: true,
    },
  },
  OUT_OF_MEMORY,
];

/** The same of a cluster that was made with 1.14 or later: a document for each matter. */
const NEWER_PATCHES = [
  { cluster: { etcd: ETCD } },
  document("TimeSyncConfig", { enabled: false }),
  document("KubeletConfig", { config: KUBELET }),
  document("KubeTalosAPIAccessConfig", TALOS_API_ACCESS),
  document("RegistryMirrorConfig", { name: "*", endpoints: [{ url: REGISTRY }] }),
  document("KubeAPIServerConfig", { extraArgs: API_SERVER_ARGUMENTS }),
  document("KubeAuditPolicyConfig", { configuration: NO_AUDIT }),
  document("KubeControllerManagerConfig", { extraArgs: CONTROLLER_MANAGER_ARGUMENTS }),
  document("KubeSchedulerConfig", { extraArgs: SCHEDULER_ARGUMENTS }),
  document("KubeProxyConfig", { enabled: false }),
  document("KubeCoreDNSConfig", { enabled: false }),
  document("KubeNodeConfig", {
    taints: { "node-role.kubernetes.io/control-plane": { $patch: "delete" } },
  }),
  without("KubePrismConfig"),
  without("KubeFlannelCNIConfig"),
  without("DiscoveryServiceConfig", "default"),
  // It would install Talos on the disk, from an image that there is not.
  without("UnattendedInstallConfig"),
  OUT_OF_MEMORY,
];

/**
 * What is changed in the machine configuration that Talos makes, each a document or a part of one: without what an
 * emulated machine would only be slowed down by. What stays is what the agent meets.
 */
export const MACHINE_PATCHES: readonly unknown[] = WHICH_TALOS === "newer"
  ? NEWER_PATCHES
  : PATCHES;

function document(kind: string, content: Readonly<Record<string, unknown>>): unknown {
  return { apiVersion: "v1alpha1", kind, ...content };
}

function without(kind: string, name?: string): unknown {
  return document(kind, { ...(name === undefined ? {} : { name }), $patch: "delete" });
}
