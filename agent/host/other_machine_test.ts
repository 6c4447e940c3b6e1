import assert from "node:assert/strict";
import { FixtureHost } from "../../tests/harness/fixtures/host.ts";
import type { FixtureTree } from "../../tests/harness/fixtures/tree.ts";
import { readOtherMachine } from "./other_machine.ts";

const INTEL =
  "processor\t: 0\nflags\t\t: fpu vme sse2 lm\n\nprocessor\t: 1\nflags\t\t: fpu vme sse2 lm\n";
const X86 = { "proc/cpuinfo": INTEL, "sys/class/net/": "" };
/** Under any hypervisor. */
const X86_GUEST = { ...X86, "proc/cpuinfo": INTEL.replaceAll("sse2", "sse2 hypervisor") };
const ARM64 = { "proc/cpuinfo": "processor\t: 0\nFeatures\t: fp asimd\n", "sys/class/net/": "" };

function dmi(texts: Readonly<Record<string, string>>): FixtureTree {
  const entries = Object.entries(texts).map(([name, text]) =>
    [`sys/class/dmi/id/${name}`, `${text}\n`] as const
  );
  return Object.fromEntries(entries);
}

function deviceTree(files: Readonly<Record<string, string>>): FixtureTree {
  const entries = Object.entries(files).map(([name, text]) =>
    [`sys/firmware/devicetree/base/${name}`, text] as const
  );
  return Object.fromEntries(entries);
}

async function machine(tree: FixtureTree): Promise<string | undefined> {
  await using host = await FixtureHost.create(tree);
  return readOtherMachine(host.context.host);
}

const SERVER = dmi({
  sys_vendor: "Dell Inc.",
  product_name: "PowerEdge R650",
  bios_vendor: "Dell Inc.",
});

/** Machines that are no guests of QEMU, and what they are. */
const OTHERS: readonly (readonly [string, string, FixtureTree])[] = [
  ["a server", "bare metal", { ...X86, ...SERVER }],
  ["a board whose firmware tells nothing", "bare metal", X86],
  ["a server whose kernel has QEMU's drivers", "bare metal", {
    ...X86,
    ...SERVER,
    "sys/firmware/qemu_fw_cfg/": "",
    "sys/class/virtio-ports/": "",
    "sys/bus/virtio/devices/": "",
  }],
  ["a server with a virtio card", "bare metal", {
    ...X86,
    ...SERVER,
    "sys/bus/virtio/devices/virtio0/device": "0x0001\n",
  }],
  ["a Raspberry Pi", "bare metal", {
    ...ARM64,
    ...deviceTree({ "compatible": "raspberrypi,4-model-b\0brcm,bcm2711\0", "cpus/": "" }),
  }],
  ["an Arm server with ACPI", "bare metal", { ...ARM64, ...dmi({ sys_vendor: "Ampere" }) }],
  ["a tablet of Microsoft", "bare metal", {
    ...X86,
    ...dmi({ sys_vendor: "Microsoft Corporation", product_name: "Surface Go" }),
  }],
  ["VMware", "VMware", {
    ...X86_GUEST,
    ...dmi({ sys_vendor: "VMware, Inc.", product_name: "VMware7,1" }),
  }],
  ["VMware on arm64", "VMware", { ...ARM64, ...dmi({ sys_vendor: "VMware, Inc." }) }],
  ["VirtualBox", "VirtualBox", {
    ...X86_GUEST,
    ...dmi({ sys_vendor: "innotek GmbH", product_name: "VirtualBox" }),
  }],
  ["Hyper-V", "Hyper-V", {
    ...X86_GUEST,
    ...dmi({ sys_vendor: "Microsoft Corporation", product_name: "Virtual Machine" }),
  }],
  ["Xen, by the kernel", "Xen", { ...X86_GUEST, "sys/hypervisor/type": "xen\n" }],
  ["Xen, by its firmware", "Xen", { ...X86_GUEST, ...dmi({ sys_vendor: "Xen" }) }],
  ["Xen, by the device tree", "Xen", {
    ...ARM64,
    ...deviceTree({
      "compatible": "xen,xenvm\0",
      "hypervisor/compatible": "xen,xen-4.17\0xen,xen\0",
    }),
  }],
  ["Amazon EC2", "Amazon EC2", { ...X86_GUEST, ...dmi({ sys_vendor: "Amazon EC2" }) }],
  ["Amazon EC2, without hypervisor", "Amazon EC2", {
    ...X86,
    ...dmi({ sys_vendor: "Amazon EC2" }),
  }],
  ["Google Compute Engine", "Google Compute Engine", {
    ...X86_GUEST,
    ...dmi({ sys_vendor: "Google", product_name: "Google Compute Engine" }),
  }],
  ["Parallels", "Parallels", { ...X86_GUEST, ...dmi({ sys_vendor: "Parallels Software" }) }],
  ["bhyve", "bhyve", { ...X86_GUEST, ...dmi({ sys_vendor: "BHYVE" }) }],
];

/** Guests of QEMU, and what may be one. */
const GUESTS: readonly (readonly [string, FixtureTree])[] = [
  ["QEMU", {
    ...X86_GUEST,
    ...dmi({ sys_vendor: "QEMU", product_name: "Standard PC (Q35 + ICH9, 2009)" }),
  }],
  ["QEMU that hides itself from the processor", { ...X86, ...dmi({ bios_vendor: "Proxmox" }) }],
  ["KubeVirt", { ...X86, ...dmi({ sys_vendor: "KubeVirt", product_name: "None" }) }],
  ["OpenStack", { ...X86, ...dmi({ sys_vendor: "OpenStack Foundation" }) }],
  ["oVirt", { ...X86, ...dmi({ sys_vendor: "oVirt", product_name: "RHEL" }) }],
  ["Red Hat", { ...X86, ...dmi({ sys_vendor: "Red Hat", product_name: "KVM" }) }],
  ["QEMU on arm64", { ...ARM64, ...dmi({ product_name: "KVM Virtual Machine" }) }],
  ["a user's own strings", { ...X86_GUEST, ...dmi({ sys_vendor: "ACME", product_name: "Node" }) }],
  ["the host's strings", { ...X86_GUEST, ...SERVER }],
  ["strings of VMware, and QEMU's device in ACPI", {
    ...X86_GUEST,
    ...dmi({ sys_vendor: "VMware, Inc." }),
    "sys/bus/acpi/devices/QEMU0002:00/": "",
  }],
  ["strings of a server, and QEMU's device in sysfs", {
    ...X86,
    ...SERVER,
    "sys/firmware/qemu_fw_cfg/rev": "3\n",
  }],
  ["strings of a server on arm64, and QEMU's device in ACPI", {
    ...ARM64,
    ...SERVER,
    "sys/bus/acpi/devices/QEMU0002:00/": "",
  }],
  ["a virtio-serial device", {
    ...X86,
    ...SERVER,
    "sys/bus/virtio/devices/virtio0/device": "0x0001\n",
    "sys/bus/virtio/devices/virtio1/device": "0x0003\n",
  }],
  ["a virtio-serial port", {
    ...X86,
    ...SERVER,
    "sys/class/virtio-ports/vport1p1/name": "com.redhat.spice.0\n",
  }],
  ["QEMU's machine in the device tree", {
    ...ARM64,
    ...deviceTree({ compatible: "linux,dummy-virt\0" }),
  }],
  ["QEMU's device in the device tree", {
    ...ARM64,
    ...deviceTree({
      "compatible": "acme,board\0",
      "fw-cfg@9020000/compatible": "qemu,fw-cfg-mmio\0",
    }),
  }],
  ["KVM in the device tree", {
    ...ARM64,
    ...deviceTree({ "compatible": "acme,board\0", "hypervisor/compatible": "linux,kvm\0" }),
  }],
  ["a hypervisor without a name", X86_GUEST],
  ["an arm64 that tells nothing", ARM64],
  ["a processor that tells nothing", { ...X86, "proc/cpuinfo": "processor\t: 0\n" }],
  ["no /proc", { "sys/class/net/": "" }],
  ["no /sys", { "proc/cpuinfo": INTEL }],
];

for (const [name, expected, tree] of OTHERS) {
  Deno.test(`no guest of QEMU: ${name}`, async () => {
    assert.equal(await machine(tree), expected);
  });
}

for (const [name, tree] of GUESTS) {
  Deno.test(`a guest of QEMU, or perhaps one: ${name}`, async () => {
    assert.equal(await machine(tree), undefined);
  });
}
