/** A network as nodes have it, and what clients must find in it. */
export interface NetworkLayout {
  readonly name: string;
  /** Commands of a shell that make it in an empty network namespace; `nic NAME MAC` makes a network card. */
  readonly setup: string;
  readonly options?: readonly string[];
  /** The node's own address. */
  readonly own: string;
  /** The hardware address by which the hypervisor knows the card that the own address is on. */
  readonly mac: string;
  /** Interfaces that must not be reported. */
  readonly hidden?: readonly string[];
}

/** Shell functions for the layouts. Hardware is a veth here; `link NAME` makes some other device. */
export const LAYOUT_FUNCTIONS = `
nic() { ip link add "$1" address "$2" type veth peer name "peer-$1"; ip link set "$1" up; ip link set "peer-$1" up; }
link() { ip link add "$1" type bridge; ip link set "$1" up; }
ip link set lo up
`;

const MAC = "52:54:00:00:00:01";
const SECOND_MAC = "52:54:00:00:00:02";
const PLAIN =
  `nic eth0 ${MAC}; ip addr add 192.0.2.11/24 dev eth0; ip route add default via 192.0.2.1`;
/** Where the host's kernel has no bond and no VLAN, a bridge with the card's address stands for them. */
const OVER_NIC = (name: string) =>
  `nic eth0 ${MAC}; link ${name}; ip link set ${name} address ${MAC}; ip link set eth0 master ${name}
ip addr flush dev eth0; ip addr add 192.0.2.11/24 dev ${name}; ip route add default via 192.0.2.1`;
const POD = (name: string, address: string) =>
  `ip link add ${name} type veth peer name inside netns $POD; ip link set ${name} up
ip addr add ${address} dev ${name}`;

/** The layouts of nodes that users have. */
export const NETWORK_LAYOUTS: readonly NetworkLayout[] = [
  { name: "plain", setup: PLAIN, own: "192.0.2.11", mac: MAC },
  {
    name: "virtual IP, added first",
    setup: `nic eth0 ${MAC}; ip addr add 192.0.2.50/32 dev eth0; ip addr add 192.0.2.11/24 dev eth0
ip route add default via 192.0.2.1`,
    own: "192.0.2.11",
    mac: MAC,
  },
  {
    name: "virtual IP with a label",
    setup: `nic eth0 ${MAC}; ip addr add 192.0.2.50/32 dev eth0 label eth0:vip
ip addr add 192.0.2.11/24 dev eth0; ip route add default via 192.0.2.1`,
    own: "192.0.2.11",
    mac: MAC,
  },
  { name: "bond", setup: OVER_NIC("bond0"), own: "192.0.2.11", mac: MAC },
  { name: "VLAN", setup: OVER_NIC("eth0.100"), own: "192.0.2.11", mac: MAC },
  { name: "bridge over the NIC", setup: OVER_NIC("br0"), own: "192.0.2.11", mac: MAC },
  {
    name: "IPv6 only, DHCPv6",
    setup: `nic eth0 ${MAC}; nic eth1 ${SECOND_MAC}
ip addr add 2001:db8:1::2/64 dev eth0 nodad; ip addr add 2001:db8::11/128 dev eth1 nodad
ip -6 route add default via fe80::1 dev eth1`,
    own: "2001:db8::11",
    mac: SECOND_MAC,
  },
  {
    name: "dual stack",
    setup:
      `${PLAIN}; ip addr add 2001:db8::11/64 dev eth0 nodad; ip -6 route add default via fe80::1 dev eth0`,
    own: "192.0.2.11",
    mac: MAC,
  },
  {
    name: "dummy with the node's address",
    setup:
      `nic eth0 ${MAC}; ip addr add 10.0.0.2/30 dev eth0; link dummy0; ip link set dummy0 address ${SECOND_MAC}
ip addr add 198.51.100.7/32 dev dummy0; ip route add default via 10.0.0.1`,
    options: ["--talos-endpoint", "198.51.100.7"],
    own: "198.51.100.7",
    mac: SECOND_MAC,
  },
  {
    name: "two NICs, default route on the second",
    setup: `nic eth0 ${SECOND_MAC}; nic eth1 ${MAC}; ip addr add 10.9.0.2/24 dev eth0
ip addr add 192.0.2.11/24 dev eth1; ip route add default via 192.0.2.1`,
    own: "192.0.2.11",
    mac: MAC,
  },
  {
    name: "Cilium",
    setup:
      `link cilium_host; ip addr add 10.244.0.83/32 dev cilium_host; link cilium_net; link cilium_vxlan
${PLAIN}; ${
        POD("lxc0123456789a", "10.244.0.9/32")
      }; link kube-ipvs0; ip addr add 10.96.0.1/32 dev kube-ipvs0`,
    own: "192.0.2.11",
    mac: MAC,
    hidden: ["cilium_host", "cilium_net", "cilium_vxlan", "lxc0123456789a", "kube-ipvs0"],
  },
  {
    name: "Calico",
    setup: `link vxlan.calico; ip addr add 10.244.1.0/32 dev vxlan.calico; link vxlan-v6.calico
link wireguard.cali; ip addr add 10.244.1.1/32 dev wireguard.cali; link egress.calico; link bpfin.cali
${PLAIN}; ${POD("cali0123456789a", "169.254.1.1/32")}`,
    own: "192.0.2.11",
    mac: MAC,
    hidden: [
      ...["vxlan.calico", "vxlan-v6.calico", "wireguard.cali", "egress.calico", "bpfin.cali"],
      "cali0123456789a",
    ],
  },
  {
    name: "OVN-Kubernetes",
    setup:
      `link ovs-system; link br-int; link ovn-k8s-mp0; ip addr add 10.244.0.2/24 dev ovn-k8s-mp0
${OVER_NIC("br-ex")}; ${POD("0123456789abcde", "10.244.0.7/32")}`,
    own: "192.0.2.11",
    mac: MAC,
    hidden: ["ovs-system", "br-int", "ovn-k8s-mp0", "0123456789abcde"],
  },
  {
    name: "KubeSpan and flannel",
    setup: `link kubespan; ip addr add fd12:3456::1/128 dev kubespan nodad; link flannel.1
ip addr add 10.244.3.0/32 dev flannel.1; link cni0; ip addr add 10.244.3.1/24 dev cni0; ${PLAIN}`,
    own: "192.0.2.11",
    mac: MAC,
    hidden: ["kubespan", "flannel.1", "cni0"],
  },
];
