import type { Host } from "./host.ts";

/** What the firmware tells of the machine, below `/sys/class/dmi/id`; strings of a user's own may stand there. */
const FIRMWARE = ["sys_vendor", "product_name", "product_version", "board_vendor", "bios_vendor"];

/** How QEMU and what manages it name a machine. */
const QEMU_NAMES = /QEMU|KVM|KubeVirt|OpenStack|oVirt|RHEV|Red Hat|Proxmox|Bochs/i;

/** Hypervisors that are not QEMU, and clouds whose machines have no such port: how their firmware begins. */
const OTHERS: readonly {
  readonly name: string;
  readonly firmware: Readonly<Record<string, string>>;
}[] = [
  { name: "VMware", firmware: { sys_vendor: "VMware" } },
  { name: "VMware", firmware: { product_name: "VMware" } },
  { name: "VirtualBox", firmware: { sys_vendor: "innotek GmbH" } },
  { name: "VirtualBox", firmware: { product_name: "VirtualBox" } },
  // Microsoft's tablets have the same vendor.
  {
    name: "Hyper-V",
    firmware: { sys_vendor: "Microsoft Corporation", product_name: "Virtual Machine" },
  },
  { name: "Xen", firmware: { sys_vendor: "Xen" } },
  { name: "Amazon EC2", firmware: { sys_vendor: "Amazon EC2" } },
  { name: "Google Compute Engine", firmware: { product_name: "Google Compute Engine" } },
  { name: "Parallels", firmware: { sys_vendor: "Parallels" } },
  { name: "bhyve", firmware: { sys_vendor: "BHYVE" } },
];

const DEVICE_TREE = "firmware/devicetree/base";
/** Of a virtio-serial device, among those of virtio. */
const VIRTIO_CONSOLE = "0x0003";

/**
 * What the machine is when it is plainly no guest of QEMU, where no port can be expected: `bare metal`,
 * `VMware`. Undefined for a guest of QEMU, and wherever there is any doubt: a hypervisor that has no name
 * here, or trees that tell nothing.
 */
export function readOtherMachine(host: Host): string | undefined {
  const firmware = readFirmware(host);
  if (hasQemuDevice(host) || [...firmware.values()].some((text) => QEMU_NAMES.test(text))) {
    return undefined;
  }
  if (host.files.readAttribute(host.sysPath("hypervisor/type")) === "xen") return "Xen";
  const other = OTHERS.find((each) => begins(firmware, each.firmware));
  if (other !== undefined) return other.name;
  // One read gives at least the first processor, which stands for all.
  const processor = host.files.readAttribute(host.procPath("cpuinfo")) ?? "";
  const flags = /^flags\s*:(.*)$/m.exec(processor)?.[1];
  if (flags !== undefined) return /\bhypervisor\b/.test(flags) ? undefined : bareMetal(host);
  // A processor of arm64 does not tell whether there is a hypervisor.
  return /^Features\s*:/m.test(processor) ? readArmMachine(host, firmware) : undefined;
}

/**
 * Whether there is a device that only QEMU makes, or one that could have the port, whatever the firmware
 * says.
 */
function hasQemuDevice(host: Host): boolean {
  const { files } = host;
  // The directory of the first is there on every machine whose kernel has the driver.
  const paths = ["firmware/qemu_fw_cfg/rev", "bus/acpi/devices/QEMU0002:00"];
  if (paths.some((path) => files.exists(host.sysPath(path)))) return true;
  const virtio = host.sysPath("bus/virtio/devices");
  return files.list(virtio).some((device) =>
    files.readAttribute(`${virtio}/${device}/device`) === VIRTIO_CONSOLE
  ) || files.list(host.sysPath("class/virtio-ports")).length > 0;
}

function readFirmware(host: Host): Map<string, string> {
  const texts = new Map<string, string>();
  for (const name of FIRMWARE) {
    const text = host.files.readAttribute(host.sysPath(`class/dmi/id/${name}`));
    if (text !== undefined && text !== "") texts.set(name, text);
  }
  return texts;
}

function begins(
  firmware: ReadonlyMap<string, string>,
  wanted: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(wanted).every(([name, text]) => firmware.get(name)?.startsWith(text));
}

/** arm64 boots with a device tree, with ACPI and a firmware that tells names, or with both. */
function readArmMachine(host: Host, firmware: ReadonlyMap<string, string>): string | undefined {
  const tree = host.sysPath(DEVICE_TREE);
  const nodes = host.files.list(tree);
  const machine = host.files.readAttribute(`${tree}/compatible`);
  if (nodes.includes("hypervisor")) {
    const hypervisor = host.files.readAttribute(`${tree}/hypervisor/compatible`) ?? "";
    if (/^xen/.test(hypervisor)) return "Xen";
    return /^vmware/.test(hypervisor) ? "VMware" : undefined;
  }
  if (nodes.some((name) => name.startsWith("fw-cfg"))) return undefined;
  if (machine === undefined) return firmware.size === 0 ? undefined : bareMetal(host);
  return /qemu|linux,dummy-virt/.test(machine) ? undefined : bareMetal(host);
}

/** Unless the tree is missing in which a guest would have been seen. */
function bareMetal(host: Host): string | undefined {
  return host.files.exists(host.sysPath("class")) ? "bare metal" : undefined;
}
