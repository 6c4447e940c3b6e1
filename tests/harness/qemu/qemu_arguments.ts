import type { Architecture } from "./architecture.ts";

/** The QEMU ids of the agent's port; events and QMP commands name them. */
export const AGENT_PORT = {
  /** The virtserialport, as in VSERPORT_CHANGE. */
  device: "qga0dev",
  /** Its character device. */
  chardev: "qga0",
  /** Its name in the guest. */
  name: "org.qemu.guest_agent.0",
  /** The bus that it is on. */
  bus: "serial0.0",
} as const;

/** A raw file that is a disk of the virtual machine. */
export interface MachineDisk {
  readonly path: string;
  /** How fast it can be written, in bytes; undefined: without a limit. */
  readonly bytesPerSecond: number | undefined;
}

/** What a virtual machine is made of. */
export interface Machine {
  /** Of its processors. */
  readonly architecture: Architecture;
  /** The kernel that is booted. */
  readonly kernelImage: string;
  /** Path of the initramfs. */
  readonly initramfs: string;
  /** Kernel options besides the usual ones. */
  readonly append: readonly string[];
  /** Memory in MiB. */
  readonly memoryMiB: number;
  /** Number of processors. */
  readonly cpus: number;
  /** Whether the agent's port is there from the start. */
  readonly agentPort: boolean;
  /** Whether QEMU ends when the guest reboots. */
  readonly noReboot: boolean;
  /** The disks, vda first. */
  readonly disks: readonly MachineDisk[];
  /** More QEMU options, one argument each. */
  readonly extraDevices: readonly string[];
  /** The unix socket of the agent's port. */
  readonly agentSocket: string;
  /** The unix socket of the control shell's port. */
  readonly controlSocket: string;
  /** The unix socket of QMP. */
  readonly qmpSocket: string;
  /** The file that the guest's serial console goes to. */
  readonly consoleLog: string;
}

/** Measured: with them the guest is up 2 s sooner under software emulation. */
export const KERNEL_OPTIONS: readonly string[] = [
  "panic=-1",
  "edd=off",
  "quiet",
  "mitigations=off",
  "nokaslr",
  "no_timer_check",
  "tsc=reliable",
  "random.trust_cpu=on",
  "init_on_alloc=0",
  "apparmor=0",
  "audit=0",
  "cryptomgr.notests",
  "lsm=",
];

/** The arguments of QEMU for a machine under software emulation, hence without /dev/kvm. */
export function qemuArguments(machine: Machine): string[] {
  const { device, chardev, name, bus } = AGENT_PORT;
  const { architecture } = machine;
  const append = [architecture.console, ...KERNEL_OPTIONS, ...machine.append];
  return [
    ...[...architecture.qemuArguments, "-accel", "tcg"],
    ...["-smp", String(machine.cpus), "-m", String(machine.memoryMiB)],
    ...["-nodefaults", "-no-user-config", "-display", "none"],
    ...["-kernel", machine.kernelImage, "-initrd", machine.initramfs],
    ...["-append", append.join(" ")],
    ...["-chardev", `file,path=${machine.consoleLog},id=console`, "-serial", "chardev:console"],
    ...["-qmp", `unix:${machine.qmpSocket},server=on,wait=off`],
    ...["-device", "virtio-serial-pci,id=serial0"],
    ...["-chardev", `socket,path=${machine.agentSocket},server=on,wait=off,id=${chardev}`],
    ...(machine.agentPort
      ? ["-device", `virtserialport,id=${device},bus=${bus},chardev=${chardev},name=${name}`]
      : []),
    // A second port and not a second UART: that loses wake-ups under software emulation.
    ...["-chardev", `socket,path=${machine.controlSocket},server=on,wait=off,id=control`],
    ...["-device", `virtserialport,bus=${bus},chardev=control,name=ctl`],
    // The guest reaches servers on this machine's 127.0.0.1 as 10.0.2.2.
    ...["-netdev", "user,id=network", "-device", "virtio-net-pci,netdev=network,romfile="],
    ...machine.disks.flatMap(diskArguments),
    ...(machine.noReboot ? ["-no-reboot"] : []),
    ...machine.extraDevices,
  ];
}

/** What the guest discards is given back to this machine; a flush need not survive it. */
function diskArguments({ path, bytesPerSecond }: MachineDisk, index: number): string[] {
  const drive = [
    `if=none,id=disk${index},file=${path},format=raw,cache=unsafe,discard=unmap`,
    ...(bytesPerSecond === undefined ? [] : [`throttling.bps-write=${bytesPerSecond}`]),
  ];
  return ["-drive", drive.join(","), "-device", `virtio-blk-pci,drive=disk${index}`];
}
