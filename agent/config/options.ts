import type { Option } from "./option.ts";

/** Names of interfaces that only the cluster network sees, which a hypervisor should not show. */
export const CLUSTER_INTERFACES =
  "veth*,lxc*,cilium_*,cali*,tunl*,vxlan.calico,flannel*,cni*,kube-*,nodelocaldns,antrea-*,genev_sys_*," +
  "vxlan_sys_*,ovs-system,br-int,weave,vethwe-*,dummy*,docker*,bonding_masters,sit*,ip6tnl*,kubespan,siderolink";

/** All options, in the order of the help text. */
export const OPTIONS: readonly Option[] = [
  {
    name: "method",
    short: "m",
    kind: "choice",
    choices: ["virtio-serial", "isa-serial", "unix-listen", "vsock-listen", "pty"],
    default: "virtio-serial",
    help: "channel to the hypervisor; pty opens a pseudo-terminal for trying the agent by hand",
    qemuGa: true,
  },
  {
    name: "path",
    short: "p",
    kind: "string",
    placeholder: "PATH",
    help:
      "device, socket or CID:PORT of the channel; virtio-serial looks for its port by name, and " +
      "isa-serial takes /dev/ttyS0 when it is left out",
    qemuGa: true,
  },
  {
    name: "logfile",
    short: "l",
    kind: "string",
    placeholder: "FILE",
    help:
      "append log lines to FILE instead of writing them to standard error; SIGHUP opens it anew, " +
      "and without it ends the agent as SIGTERM does",
    qemuGa: true,
  },
  {
    name: "pidfile",
    short: "f",
    kind: "string",
    placeholder: "FILE",
    help: "file that holds the process ID and keeps a second agent from starting " +
      "(/var/run/qemu-ga.pid with --daemonize)",
    qemuGa: true,
  },
  {
    name: "fsfreeze-hook",
    short: "F",
    kind: "string",
    flagValue: "/etc/qemu/fsfreeze-hook",
    placeholder: "PATH",
    help: "program to run before a freeze and after a thaw",
    qemuGa: true,
  },
  {
    name: "statedir",
    short: "t",
    kind: "string",
    default: "/var/run",
    placeholder: "DIR",
    help: "directory for state that outlives the process; a tmpfs",
    qemuGa: true,
  },
  {
    name: "verbose",
    short: "v",
    kind: "boolean",
    help: "log what only matters when looking for a fault: the same as --log-level debug",
    qemuGa: true,
  },
  {
    name: "daemonize",
    short: "d",
    otherKeys: ["daemon"],
    kind: "boolean",
    help: "go to the background",
    qemuGa: true,
  },
  {
    name: "block-rpcs",
    short: "b",
    otherKeys: ["blacklist"],
    kind: "list",
    placeholder: "LIST",
    help: "commands that may not run, in place of those blocked by default; '' blocks none, " +
      "'help' lists all commands",
    qemuGa: true,
  },
  {
    name: "allow-rpcs",
    short: "a",
    kind: "list",
    placeholder: "LIST",
    help: "the only commands that may run; 'help' lists all commands",
    qemuGa: true,
  },
  {
    name: "retry-path",
    short: "r",
    kind: "boolean",
    help: "accepted for qemu-ga's sake: this agent always waits for a missing or failing port",
    qemuGa: true,
  },
  {
    name: "config",
    short: "c",
    kind: "string",
    placeholder: "FILE",
    help: "configuration file: YAML when it ends in .yaml or .yml, else qemu-ga's key file " +
      "(QGA_CONF in the environment, else /etc/qemu/qemu-ga.conf when there is one)",
    commandLineOnly: true,
    qemuGa: true,
  },
  {
    name: "dump-conf",
    short: "D",
    kind: "boolean",
    help: "print the configuration in effect as a key file and exit",
    commandLineOnly: true,
    qemuGa: true,
  },
  {
    name: "version",
    short: "V",
    kind: "boolean",
    help: "print the version and exit",
    commandLineOnly: true,
    qemuGa: true,
  },
  {
    name: "help",
    short: "h",
    kind: "boolean",
    help: "print this text and exit",
    commandLineOnly: true,
    qemuGa: true,
  },
  {
    name: "port-name",
    kind: "string",
    default: "org.qemu.guest_agent.0",
    placeholder: "NAME",
    help: "name of the virtio-serial port",
  },
  {
    name: "path-procfs",
    kind: "string",
    placeholder: "DIR",
    help: "where the host's /proc is mounted (/host/proc when it exists, else /proc)",
  },
  {
    name: "path-sysfs",
    kind: "string",
    placeholder: "DIR",
    help: "where the host's /sys is mounted (/host/sys when it exists, else /sys)",
  },
  {
    name: "path-devfs",
    kind: "string",
    placeholder: "DIR",
    help: "where the host's /dev is mounted (/host/dev when it exists, else /dev)",
  },
  {
    name: "path-rootfs",
    kind: "string",
    placeholder: "DIR",
    help: "where the host's / is mounted (/host/root when it exists, else /)",
  },
  {
    name: "fsfreeze-include",
    kind: "list",
    placeholder: "PATTERNS",
    help: "freeze and trim only the file systems whose mount points match, also volumes of pods; " +
      "* and ? stand for any characters",
  },
  {
    name: "fsfreeze-exclude",
    kind: "list",
    placeholder: "PATTERNS",
    help: "do not freeze and trim the file systems whose mount points match",
  },
  {
    name: "fsfreeze-timeout",
    kind: "duration",
    default: "60s",
    placeholder: "TIME",
    help: "how long file systems may be frozen before the agent thaws them by itself; 0 for ever",
  },
  {
    name: "fsfreeze-allow-empty",
    kind: "boolean",
    help: "let a freeze that covers no file system succeed, with 0, instead of failing",
  },
  {
    name: "interfaces-include",
    kind: "list",
    placeholder: "PATTERNS",
    help: "report only the network interfaces that match; * and ? stand for any characters",
  },
  {
    name: "interfaces-exclude",
    kind: "list",
    default: CLUSTER_INTERFACES,
    placeholder: "PATTERNS",
    help: "do not report the network interfaces that match; '' reports all",
  },
  {
    name: "talosconfig",
    kind: "string",
    placeholder: "FILE",
    help:
      "talosconfig with which shutdown and reboot are asked for, or the directory that a Talos " +
      "ServiceAccount's Secret is mounted on",
  },
  {
    name: "talos-context",
    kind: "string",
    placeholder: "NAME",
    help: "context of the talosconfig; the one it selects when left out",
  },
  {
    name: "talos-endpoint",
    kind: "list",
    placeholder: "HOST[:PORT]",
    help:
      "address of this node's Talos API (status.hostIP), in place of the talosconfig's endpoints; " +
      "several are tried in their order",
  },
  {
    name: "drain-timeout",
    kind: "optional-duration",
    default: "20s",
    placeholder: "TIME",
    help:
      "how long a shutdown may drain the node before it is forced: 0 forces at once, none never",
  },
  {
    name: "reboot-mode",
    kind: "choice",
    choices: ["powercycle", "default", "force"],
    default: "powercycle",
    help: "how Talos reboots; default is a kexec, which the hypervisor does not see",
  },
  {
    name: "listen-address",
    kind: "listen-address",
    default: ":9777",
    placeholder: "HOST:PORT",
    help:
      "where HTTP serves /metrics, /livez and /readyz; without HOST on all addresses, none serves " +
      "nothing",
  },
  {
    name: "log-format",
    kind: "choice",
    choices: ["json", "text"],
    default: "json",
    help: "log lines for programs, or for people",
  },
  {
    name: "log-level",
    kind: "choice",
    choices: ["error", "warn", "info", "debug"],
    default: "info",
    help: "log lines of this level and of those before it",
  },
  {
    name: "kubernetes-events",
    kind: "boolean",
    help: "tell of shutdowns, long freezes and faults by Kubernetes events of the node and the pod",
  },
];
