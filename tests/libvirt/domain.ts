import { ControlShell } from "../harness/qemu/control_shell.ts";
import type { CommandResult } from "../harness/qemu/control_shell.ts";
import { agentCommandFile, GUEST_MODULES, type GuestOptions } from "../harness/qemu/guest.ts";
import { writeInitramfs } from "../harness/qemu/initramfs.ts";
import { AMD64 } from "../harness/qemu/architecture.ts";
import { findKernel } from "../harness/qemu/kernel.ts";
import { findProgram } from "../harness/qemu/programs.ts";
import { KERNEL_OPTIONS } from "../harness/qemu/qemu_arguments.ts";
import type { TimeoutOptions } from "../harness/unix_stream.ts";
import { type LibvirtDaemon, VirshError } from "./libvirt_daemon.ts";

/** What a domain is to be like. */
export type DomainOptions = Pick<
  GuestOptions,
  "programs" | "files" | "agentCommand" | "modules"
>;

const NAME = "talos";
/** As long as the VM tests' guests have: some machines only emulate, and slowly. */
const BOOT_TIMEOUT_MS = 180_000;
const DISK_BYTES = 64 * 1024 * 1024;

/**
 * A virtual machine of libvirt's with the kernel and the tree of the VM tests' guests, two processors,
 * an empty ext4 as /dev/vda, and a guest agent's channel as libvirt's documentation has it.
 */
export class Domain implements AsyncDisposable {
  /** Its name for virsh. */
  readonly name = NAME;
  /** The raw file of its disk. */
  readonly disk: string;

  readonly #libvirt: LibvirtDaemon;
  readonly #control: ControlShell;

  private constructor(libvirt: LibvirtDaemon, disk: string, control: ControlShell) {
    this.#libvirt = libvirt;
    this.disk = disk;
    this.#control = control;
  }

  /**
   * Defines and starts it, and waits until commands can be run in it.
   *
   * @throws {Error} if libvirt refuses it, or it is not up in time; with its console.
   */
  static async boot(libvirt: LibvirtDaemon, options: DomainOptions): Promise<Domain> {
    const { directory } = libvirt;
    const disk = `${directory}/disk`;
    await makeExt4(disk);
    const kernel = await findKernel();
    await writeInitramfs(`${directory}/initramfs`, {
      kernel,
      modules: [...GUEST_MODULES, ...options.modules ?? []],
      programs: options.programs ?? {},
      files: { ...agentCommandFile(options.agentCommand), ...options.files },
    });
    const emulator = await findProgram("qemu-system-x86_64");
    const description = domainXml({ directory, disk, kernelImage: kernel.image, emulator });
    await Deno.writeTextFile(`${directory}/domain.xml`, description);
    await libvirt.virsh("define", "--validate", `${directory}/domain.xml`);
    await libvirt.virsh("start", NAME);
    const control = await ControlShell.connect(`${directory}/control.sock`);
    const domain = new Domain(libvirt, disk, control);
    try {
      await domain.waitReady();
      return domain;
    } catch (error) {
      await domain[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Waits until commands can be run in the guest.
   *
   * @throws {Error} if it is not up in time; with its console.
   */
  async waitReady(): Promise<void> {
    try {
      await this.#control.waitReady(BOOT_TIMEOUT_MS);
    } catch (cause) {
      const console = await Deno.readTextFile(`${this.#libvirt.directory}/console.log`);
      throw new Error(`the domain did not boot; its console:\n${console}`, { cause });
    }
  }

  /**
   * Waits until libvirt is connected to the agent, which has answered it then.
   *
   * @throws {Error} if that is not so in time; with the agent's log.
   */
  async waitAgent(): Promise<void> {
    const end = performance.now() + BOOT_TIMEOUT_MS;
    const ping = '{"execute":"guest-ping"}';
    for (;;) {
      try {
        await this.#libvirt.virsh("qemu-agent-command", NAME, ping);
        return;
      } catch (cause) {
        if (!(cause instanceof VirshError)) throw cause;
        if (performance.now() > end) {
          const { stdout } = await this.run("cat /run/agent.log");
          throw new Error(`libvirt gets no answer from the agent; its log:\n${stdout}`, { cause });
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  /** Runs a command by the guest's shell, as root; fails as `ControlShell.run` does. */
  async run(command: string, options: TimeoutOptions = {}): Promise<CommandResult> {
    return await this.#control.run(command, options);
  }

  /** Powers the guest off from within, as Talos does in the end. */
  async powerOff(): Promise<void> {
    await this.#control.start("poweroff -f");
  }

  /** Reboots the guest from within, as Talos does in the end, and waits until it is up again. */
  async reboot(): Promise<void> {
    this.#control.expectRestart();
    await this.#control.start("reboot -f");
    await this.waitReady();
  }

  /** Leaves it; it ends with its daemon. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#control[Symbol.asyncDispose]();
  }
}

async function makeExt4(path: string): Promise<void> {
  {
    using file = await Deno.open(path, { write: true, createNew: true });
    await file.truncate(DISK_BYTES);
  }
  const mkfs = await findProgram("mkfs.ext4");
  const { success, stderr } = await new Deno.Command(mkfs, { args: ["-q", path] }).output();
  if (!success) throw new Error(`${mkfs} failed: ${new TextDecoder().decode(stderr)}`);
}

/** Under software emulation (`qemu`), hence without /dev/kvm. */
function domainXml(
  machine: { directory: string; disk: string; kernelImage: string; emulator: string },
): string {
  const { directory, disk, kernelImage, emulator } = machine;
  return `<domain type='qemu'>
  <name>${NAME}</name>
  <memory unit='MiB'>512</memory>
  <vcpu>2</vcpu>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>${kernelImage}</kernel>
    <initrd>${directory}/initramfs</initrd>
    <cmdline>${[AMD64.console, ...KERNEL_OPTIONS].join(" ")}</cmdline>
  </os>
  <features><acpi/></features>
  <cpu mode='maximum'/>
  <devices>
    <emulator>${emulator}</emulator>
    <controller type='usb' model='none'/>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw' discard='unmap'/>
      <source file='${disk}'/>
      <target dev='vda' bus='virtio'/>
      <serial>disk-of-the-test</serial>
    </disk>
    <interface type='user'>
      <mac address='52:54:00:12:34:56'/>
      <model type='virtio'/>
      <rom enabled='no'/>
    </interface>
    <serial type='file'><source path='${directory}/console.log'/></serial>
    <channel type='unix'>
      <target type='virtio' name='org.qemu.guest_agent.0'/>
    </channel>
    <channel type='unix'>
      <source mode='bind' path='${directory}/control.sock'/>
      <target type='virtio' name='ctl'/>
    </channel>
    <video><model type='none'/></video>
    <memballoon model='none'/>
  </devices>
</domain>
`;
}
