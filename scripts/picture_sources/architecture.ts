import { arrow, box, group, svg, text } from "./svg.ts";

const DESCRIPTION = "A hypervisor and the agent exchange JSON over a virtio-serial port of the " +
  "virtual machine, which is a Talos Linux node. The agent is a container in a pod of a DaemonSet. " +
  "It asks the Talos API of its node for Shutdown and Reboot, by gRPC with mutual TLS and the role " +
  "os:operator. It reads the node's facts from the kernel, and freezes, thaws and trims file " +
  "systems by ioctls. A second container, the guard, thaws when the agent cannot; it sees by a " +
  "marker on a tmpfs of the node that something is frozen. Port 9777 serves probes to kubelet and " +
  "metrics to Prometheus.";

/** Who talks to whom: hypervisor, agent, guard, Talos, kernel, kubelet and Prometheus. */
export function architecture(): string {
  return svg({
    title: "How the agent is put together",
    description: DESCRIPTION,
    width: 960,
    height: 502,
    elements: [
      ...group({ x: 316, y: 20, width: 624, height: 462 }, "Talos Linux node, a virtual machine"),
      ...group({ x: 336, y: 58, width: 270, height: 408 }, "Pod of the DaemonSet"),
      ...box({ x: 20, y: 96, width: 184, height: 102 }, "Hypervisor", [
        "Proxmox VE, libvirt,",
        "KubeVirt, Harvester,",
        "OpenStack",
      ]),
      ...box({ x: 20, y: 244, width: 184, height: 62 }, "Prometheus", ["scrapes port 9777"]),
      ...box(
        { x: 352, y: 96, width: 238, height: 210 },
        "agent",
        [
          "one request after the other:",
          "tells the node's facts,",
          "freezes, thaws and trims,",
          "asks Talos for power actions",
        ],
        "ours",
      ),
      text(366, 252, "HTTP on port 9777:", { kind: "faint" }),
      text(366, 275, "/livez /readyz /metrics", { kind: "code" }),
      ...box({ x: 352, y: 328, width: 238, height: 38 }, "marker", []),
      text(576, 352, "in /run, a tmpfs", { anchor: "end", kind: "faint" }),
      ...box(
        { x: 352, y: 388, width: 238, height: 62 },
        "guard",
        ["thaws when the agent cannot"],
        "ours",
      ),
      ...box({ x: 682, y: 96, width: 240, height: 62 }, "kubelet", ["probes port 9777"]),
      ...box({ x: 682, y: 178, width: 240, height: 82 }, "Talos API (apid)", [
        "gRPC, mutual TLS, os:operator:",
        "Shutdown, Reboot, Version",
      ]),
      ...box({ x: 682, y: 280, width: 240, height: 170 }, "Linux kernel", [
        "procfs, sysfs, netlink",
        "file systems below /host/root",
        "",
        "freezes by FIFREEZE,",
        "thaws by FITHAW",
      ]),
      arrow([206, 147], [350, 147], true),
      text(261, 138, "virtio-serial", { anchor: "middle", kind: "faint" }),
      text(261, 166, "JSON", { anchor: "middle", kind: "faint" }),
      arrow([206, 275], [350, 275]),
      text(261, 266, "/metrics", { anchor: "middle", kind: "code" }),
      arrow([680, 127], [592, 127]),
      arrow([592, 219], [680, 219]),
      arrow([592, 294], [680, 294], true),
      arrow([592, 419], [680, 419]),
      text(643, 410, "FITHAW", { anchor: "middle", kind: "code" }),
      arrow([471, 307], [471, 327]),
      arrow([471, 387], [471, 367]),
    ],
  });
}
