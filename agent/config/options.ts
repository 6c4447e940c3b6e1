import { HOST_TREES, type HostTree } from "./host_tree.ts";
import type { Option } from "./option.ts";

/** The name of the serial port that isa-serial takes without `--path`, below the host's /dev. */
export const ISA_SERIAL_DEVICE = "ttyS0";

/**
 * Interfaces that only the cluster network sees, which a hypervisor should not show: by kind what overlays and
 * pods are made of, and by name what the network plugins and kube-proxy make.
 */
export const CLUSTER_INTERFACES = [
  ...["kind:pod-veth", "kind:vxlan", "kind:geneve"],
  // Calico; Cilium; flannel, and the reference plugins; Weave; kube-router.
  ...["cali*", "*.cali", "*.calico", "bpfin*", "bpfout*", "cilium_*", "lxc*", "flannel*", "cni*"],
  ...["weave", "vethwe-*", "vxlan-6784", "kube-bridge", "veth*"],
  // OVN-Kubernetes and kube-ovn; Antrea; Open vSwitch.
  ...["ovn0", "ovn-k8s-*", "mirror0", "br-int", "ovs-system", "antrea-*", "genev_sys_*"],
  ...["vxlan_sys_*"],
  // kube-proxy and the DNS cache of the node; kilo, KubeSpan, Talos' own, Tailscale.
  ...["kube-*", "nodelocaldns", "kilo*", "kubespan", "siderolink", "tailscale*"],
  // What Linux' modules make at their start, and container engines.
  ...["tunl*", "sit*", "ip6tnl*", "teql*", "ip_vti*", "ip6_vti*", "gre0", "gretap0", "erspan0"],
  ...["ip6gre0", "bonding_masters", "docker*"],
].join();

function hostTreeHelp(tree: HostTree): string {
  const { inPod, own } = HOST_TREES[tree];
  return `where the host's ${own} is mounted (${inPod} when it exists, else ${own})`;
}

/**
 * All options, by the property of `Config` that has their value, in the order of the help text. The type of
 * `Config`, loading, dump, help and documentation are made from here.
 */
export const OPTIONS = {
  method: {
    name: "method",
    short: "m",
    kind: "choice",
    choices: ["virtio-serial", "isa-serial", "unix-listen", "vsock-listen", "pty"],
    default: "virtio-serial",
    help: "channel to the hypervisor; pty opens a pseudo-terminal for trying the agent by hand",
    qemuGa: true,
  },
  path: {
    name: "path",
    short: "p",
    kind: "string",
    placeholder: "PATH",
    help:
      "device, socket or CID:PORT of the channel; virtio-serial looks for its port by name, and " +
      `isa-serial takes /dev/${ISA_SERIAL_DEVICE} when it is left out`,
    qemuGa: true,
  },
  logfile: {
    name: "logfile",
    short: "l",
    kind: "string",
    placeholder: "FILE",
    help:
      "append log lines to FILE instead of writing them to standard error; SIGHUP reopens it, " +
      "and without it ends the agent as SIGTERM does",
    qemuGa: true,
  },
  pidfile: {
    name: "pidfile",
    short: "f",
    kind: "string",
    placeholder: "FILE",
    help: "file that holds the process ID and keeps a second agent from starting " +
      "(/var/run/qemu-ga.pid with --daemonize)",
    qemuGa: true,
  },
  fsfreezeHook: {
    name: "fsfreeze-hook",
    short: "F",
    kind: "string",
    flagValue: "/etc/qemu/fsfreeze-hook",
    placeholder: "PATH",
    help: "program to run before a freeze and after a thaw",
    qemuGa: true,
  },
  statedir: {
    name: "statedir",
    short: "t",
    kind: "string",
    default: "/var/run",
    placeholder: "DIR",
    help: "directory for state that outlives the process; a tmpfs",
    qemuGa: true,
  },
  verbose: {
    name: "verbose",
    short: "v",
    kind: "boolean",
    help: "log what only matters when looking for a fault: the same as --log-level debug",
    qemuGa: true,
  },
  daemonize: {
    name: "daemonize",
    short: "d",
    qemuGaKey: "daemon",
    otherKeys: ["daemon"],
    kind: "boolean",
    help: "go to the background",
    qemuGa: true,
  },
  blockRpcs: {
    name: "block-rpcs",
    short: "b",
    otherKeys: ["blacklist"],
    kind: "list",
    accumulates: true,
    placeholder: "LIST",
    help: "commands that may not run, in place of those blocked by default; '' blocks none, " +
      "'help' lists all commands",
    qemuGa: true,
  },
  allowRpcs: {
    name: "allow-rpcs",
    short: "a",
    kind: "list",
    accumulates: true,
    placeholder: "LIST",
    help: "the only commands that may run; 'help' lists all commands",
    qemuGa: true,
  },
  enableCommands: {
    name: "enable-commands",
    kind: "list",
    default: "",
    placeholder: "LIST",
    help: "commands that may run besides those of the default or of --allow-rpcs",
  },
  disableCommands: {
    name: "disable-commands",
    kind: "list",
    default: "",
    placeholder: "LIST",
    help: "commands that may not run, beside those blocked by default or by --block-rpcs",
  },
  retryPath: {
    name: "retry-path",
    short: "r",
    kind: "boolean",
    isIgnored: true,
    help: "accepted for qemu-ga's sake: this agent always waits for a missing or failing port",
    qemuGa: true,
  },
  config: {
    name: "config",
    short: "c",
    kind: "string",
    placeholder: "FILE",
    help: "configuration file: YAML when it ends in .yaml or .yml, else qemu-ga's key file " +
      "(QGA_CONF in the environment, else /etc/qemu/qemu-ga.conf when there is one)",
    commandLineOnly: true,
    qemuGa: true,
  },
  watchConfig: {
    name: "watch-config",
    kind: "string",
    placeholder: "FILE",
    help:
      "configuration file that need not be there, and counts before the other one: when it appears, changes " +
      "or goes, the agent ends, to be started again with what it says",
    commandLineOnly: true,
  },
  dumpConf: {
    name: "dump-conf",
    short: "D",
    kind: "boolean",
    help: "print the configuration in effect as a key file and exit",
    commandLineOnly: true,
    qemuGa: true,
  },
  version: {
    name: "version",
    short: "V",
    kind: "boolean",
    help: "print the version and exit",
    commandLineOnly: true,
    qemuGa: true,
  },
  help: {
    name: "help",
    short: "h",
    kind: "boolean",
    help: "print this text and exit",
    commandLineOnly: true,
    qemuGa: true,
  },
  portName: {
    name: "port-name",
    kind: "string",
    default: "org.qemu.guest_agent.0",
    placeholder: "NAME",
    help: "name of the virtio-serial port",
  },
  pathProcfs: {
    name: "path-procfs",
    kind: "host-tree",
    tree: "procfs",
    placeholder: "DIR",
    help: hostTreeHelp("procfs"),
  },
  pathSysfs: {
    name: "path-sysfs",
    kind: "host-tree",
    tree: "sysfs",
    placeholder: "DIR",
    help: hostTreeHelp("sysfs"),
  },
  pathDevfs: {
    name: "path-devfs",
    kind: "host-tree",
    tree: "devfs",
    placeholder: "DIR",
    help: hostTreeHelp("devfs"),
  },
  pathRootfs: {
    name: "path-rootfs",
    kind: "host-tree",
    tree: "rootfs",
    placeholder: "DIR",
    help: hostTreeHelp("rootfs"),
  },
  osRelease: {
    name: "os-release",
    kind: "string",
    placeholder: "FILE",
    help:
      "file that guest-get-osinfo reads in place of the host's os-release, as the agent sees it",
  },
  fsfreezeInclude: {
    name: "fsfreeze-include",
    kind: "list",
    default: "",
    placeholder: "PATTERNS",
    help: "freeze and trim only the file systems whose mount points match, also volumes of pods; " +
      "* and ? stand for any characters",
  },
  fsfreezeExclude: {
    name: "fsfreeze-exclude",
    kind: "list",
    default: "",
    placeholder: "PATTERNS",
    help: "do not freeze and trim the file systems whose mount points match",
  },
  fsfreezeTimeoutMs: {
    name: "fsfreeze-timeout",
    kind: "duration",
    default: "60s",
    placeholder: "TIME",
    help: "how long file systems may be frozen before the agent thaws them by itself; 0 forever",
  },
  fsfreezeAllowEmpty: {
    name: "fsfreeze-allow-empty",
    kind: "boolean",
    help: "let a freeze that covers no file system succeed, with 0, instead of failing",
  },
  interfacesInclude: {
    name: "interfaces-include",
    kind: "list",
    default: "",
    placeholder: "PATTERNS",
    help: "report only the network interfaces that match; * and ? stand for any characters",
  },
  interfacesExclude: {
    name: "interfaces-exclude",
    kind: "list",
    default: CLUSTER_INTERFACES,
    placeholder: "PATTERNS",
    help:
      "do not report the network interfaces that match, by name or by kind:KIND; those of the " +
      "default route and of the node's own address are reported in any case; '' reports all",
  },
  interfacesOrder: {
    name: "interfaces-order",
    kind: "choice",
    choices: ["node", "kernel"],
    default: "node",
    help:
      "node: loopback, then the interface with the node's own address, and that address first; " +
      "kernel: as qemu-ga has it",
  },
  talosconfig: {
    name: "talosconfig",
    kind: "string",
    placeholder: "FILE",
    help:
      "talosconfig with which shutdown and reboot are asked for, or the directory that a Talos " +
      "ServiceAccount's Secret is mounted on",
  },
  talosContext: {
    name: "talos-context",
    kind: "string",
    placeholder: "NAME",
    help: "context of the talosconfig; the one it selects when left out",
  },
  talosEndpoints: {
    name: "talos-endpoint",
    kind: "list",
    default: "",
    placeholder: "HOST[:PORT]",
    help:
      "address of this node's Talos API (status.hostIP), in place of the talosconfig's endpoints; " +
      "several are tried in their order",
  },
  talosSocket: {
    name: "talos-socket",
    kind: "string",
    placeholder: "PATH",
    help:
      "socket of Talos' machined, by which a system extension asks for shutdown and reboot, in " +
      "place of a talosconfig; /system/run/machined/machine.sock on the node",
  },
  drainTimeoutMs: {
    name: "drain-timeout",
    kind: "optional-duration",
    default: "20s",
    placeholder: "TIME",
    help:
      "how long a shutdown may drain the node before it is forced: 0 forces at once, none never",
  },
  rebootMode: {
    name: "reboot-mode",
    kind: "choice",
    choices: ["powercycle", "default", "force"],
    default: "powercycle",
    help: "how Talos reboots; default is a kexec, which the hypervisor does not see",
  },
  listenAddress: {
    name: "listen-address",
    kind: "listen-address",
    default: ":9777",
    placeholder: "HOST:PORT",
    help:
      "where HTTP serves /metrics, /livez and /readyz; without HOST on all addresses, none serves " +
      "nothing",
  },
  readiness: {
    name: "readiness",
    kind: "list",
    choices: ["port", "credentials"],
    default: "port,credentials",
    placeholder: "CONDITIONS",
    help:
      "what the agent needs to be ready: port, where the machine is a guest of QEMU, and credentials, " +
      "where there is a talosconfig or a socket of Talos; '' for nothing but that it serves",
  },
  logFormat: {
    name: "log-format",
    kind: "choice",
    choices: ["json", "text"],
    default: "json",
    help: "log lines for programs, or for people",
  },
  logLevel: {
    name: "log-level",
    kind: "choice",
    choices: ["error", "warn", "info", "debug"],
    default: "info",
    help: "log lines of this level and of those before it",
  },
  kubernetesEvents: {
    name: "kubernetes-events",
    kind: "boolean",
    help: "tell of shutdowns, long freezes and faults by Kubernetes events of the node and the pod",
  },
} as const satisfies Readonly<Record<string, Option>>;

/** `OPTIONS` without their properties' names. */
export const OPTION_LIST: readonly Option[] = Object.values(OPTIONS);
