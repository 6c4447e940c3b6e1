import { type CommandResult, ControlShell } from "../harness/qemu/control_shell.ts";
import { freePort } from "../harness/free_port.ts";
import { GuestAgentClient } from "../harness/qemu/guest_agent_client.ts";
import { findProgram } from "../harness/qemu/programs.ts";
import { QmpClient } from "../harness/qemu/qmp.ts";
import type { TimeoutOptions } from "../harness/unix_stream.ts";
import { REGISTRY_ADDRESS } from "./machine_patches.ts";

/** What a machine with Talos is made of, and where its files lie. */
export interface TalosMachineOptions {
  /** For its sockets and its console's log; it exists. */
  readonly directory: string;
  readonly kernelImage: string;
  readonly initramfs: string;
  /** The qcow2 files of its disks, vda first. */
  readonly disks: readonly string[];
  /** The port of the registry on this machine, which it reaches as `REGISTRY_ADDRESS`. */
  readonly registryPort: number;
  /** Whether it begins with maintenance mode, without a machine configuration. Default false. */
  readonly isUnconfigured?: boolean;
  /** Whether it has the port that the agent answers on. Default true. */
  readonly hasAgentPort?: boolean;
  /** The snapshot that it continues from. Default: it boots. */
  readonly snapshot?: string | undefined;
}

const MEMORY_MIB = 5120;
/** On the machine, of Talos' API and of Kubernetes'. */
const APID_PORT = 50000;
const API_SERVER_PORT = 6443;

/** The kernel's options that Talos asks for, and what spares an emulated machine work. */
const KERNEL_OPTIONS = [
  ..."console=ttyS0 talos.platform=metal talos.dashboard.disabled=1 slab_nomerge= pti=on nopti"
    .split(
      " ",
    ),
  ..."mitigations=off printk.devkmsg=on consoleblank=0 oops=panic panic=0".split(" "),
  // A clock that is found to be unstable has the kernel's code changed, which the emulation of a second processor
  // does not always survive.
  ..."tsc=reliable no_timer_check random.trust_cpu=on".split(" "),
  // Nor does it survive that the clock is found to be stable, a second and a half after the start: the initramfs
  // starts the second processor then.
  "maxcpus=1",
];

/** What QEMU calls the port that the agent answers on, in its events. */
export const AGENT_PORT = "agent-port";

const MACHINE_UUID = "5e2c8a17-94d6-4f3b-b0e1-7d6a39c85f24";

const SNAPSHOT = { timeoutMs: 120_000 };

/** A virtual machine that boots Talos, and the hypervisor's side of it. QEMU is gone when it is disposed. */
export class TalosMachine implements AsyncDisposable {
  /** QEMU's monitor. */
  readonly qmp: QmpClient;
  /** The port of this machine at which Talos' API is. */
  readonly apidPort: number;
  /** The port of this machine at which Kubernetes' API is. */
  readonly apiServerPort: number;
  readonly #resources: AsyncDisposableStack;
  readonly #directory: string;
  readonly #control: ControlShell;

  private constructor(
    parts: {
      readonly qmp: QmpClient;
      readonly apidPort: number;
      readonly apiServerPort: number;
      readonly resources: AsyncDisposableStack;
      readonly directory: string;
      readonly control: ControlShell;
    },
  ) {
    this.qmp = parts.qmp;
    this.apidPort = parts.apidPort;
    this.apiServerPort = parts.apiServerPort;
    this.#resources = parts.resources;
    this.#directory = parts.directory;
    this.#control = parts.control;
  }

  /**
   * Starts it; Talos has yet to come up.
   *
   * @throws {Error} if QEMU is missing or refuses the arguments or the snapshot
   */
  static async start(options: TalosMachineOptions): Promise<TalosMachine> {
    await using resources = new AsyncDisposableStack();
    const { directory } = options;
    const [apidPort, apiServerPort] = [freePort(), freePort()];
    const qemu = new Deno.Command("setpriv", {
      args: [
        ...["--pdeathsig", "KILL", "--", await findProgram("qemu-system-x86_64")],
        ...qemuArguments(options, apidPort, apiServerPort),
      ],
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const stderr = new Response(qemu.stderr).text();
    let hasEnded = false;
    const ended = (async () => {
      await qemu.status;
      hasEnded = true;
      return new Error(`QEMU ended: ${(await stderr).trim()}`);
    })();
    resources.defer(async () => {
      if (!hasEnded) qemu.kill("SIGKILL");
      await ended;
    });
    const connecting = new AbortController();
    ended.then((error) => connecting.abort(error));
    // QEMU answers when it has read the snapshot, which takes a busy disk its time.
    const waiting = { signal: connecting.signal, ...SNAPSHOT };
    const qmp = resources.use(await QmpClient.connect(`${directory}/qmp.sock`, waiting));
    const control = resources.use(
      await ControlShell.connect(`${directory}/control.sock`, waiting),
    );
    return new TalosMachine({
      resources: resources.move(),
      ...{ qmp, control, apidPort, apiServerPort, directory },
    });
  }

  /** A client on the agent's port, connected; the agent need not listen yet. */
  async agent(): Promise<GuestAgentClient> {
    return await GuestAgentClient.connect(`${this.#directory}/agent.sock`);
  }

  /**
   * Runs a command by the shell that the pod `shell` is; see `TalosNode`. Default 10 seconds.
   *
   * @throws {DeadlineError} if it does not end in time.
   */
  async run(command: string, options: TimeoutOptions = {}): Promise<CommandResult> {
    return await this.#control.run(command, options);
  }

  /** Waits until that shell has started. */
  async waitForShell(timeoutMs: number): Promise<void> {
    await this.#control.waitReady(timeoutMs);
  }

  /** What Talos and the kernel have written to the serial console. */
  async console(): Promise<string> {
    return await Deno.readTextFile(`${this.#directory}/console.log`);
  }

  /**
   * Keeps the machine as it is now, memory and disks, in its first disk.
   *
   * @throws {Error} with QEMU's complaint
   */
  async saveSnapshot(name: string): Promise<void> {
    const args = { "command-line": `savevm ${name}` };
    const complaint = await this.qmp.execute("human-monitor-command", args, SNAPSHOT);
    if (complaint !== "") throw new Error(`QEMU cannot save ${name}: ${complaint}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources[Symbol.asyncDispose]();
  }
}

function qemuArguments(
  options: TalosMachineOptions,
  apidPort: number,
  apiServerPort: number,
): string[] {
  const { directory, disks, registryPort, snapshot } = options;
  const { isUnconfigured = false, hasAgentPort = true } = options;
  const configuration = `talos.config=http://${REGISTRY_ADDRESS}/files/controlplane.yaml`;
  const append = [...KERNEL_OPTIONS, ...(isUnconfigured ? [] : [configuration])];
  const network = [
    "user,id=network",
    `hostfwd=tcp:127.0.0.1:${apidPort}-:${APID_PORT}`,
    `hostfwd=tcp:127.0.0.1:${apiServerPort}-:${API_SERVER_PORT}`,
    `guestfwd=tcp:${REGISTRY_ADDRESS}-cmd:socat - TCP:127.0.0.1:${registryPort}`,
  ];
  return [
    ...["-M", "q35", "-accel", "tcg,thread=multi,tb-size=1024", "-m", String(MEMORY_MIB)],
    // Wide registers and fast strings are slow to emulate.
    ...["-smp", "2", "-cpu", "max,-avx,-avx2,-erms"],
    ...["-nodefaults", "-no-user-config", "-display", "none"],
    // So that its end is seen, and told from another one.
    ...["-action", "reboot=shutdown,shutdown=pause"],
    // Talos makes the key of an encrypted volume of the UUID.
    ...["-smbios", `type=1,manufacturer=QEMU,product=talos,uuid=${MACHINE_UUID}`],
    ...["-kernel", options.kernelImage, "-initrd", options.initramfs],
    ...["-append", append.join(" ")],
    ...["-chardev", `file,path=${directory}/console.log,id=console`, "-serial", "chardev:console"],
    ...["-qmp", `unix:${directory}/qmp.sock,server=on,wait=off`],
    ...["-netdev", network.join(","), "-device", "virtio-net-pci,netdev=network,romfile="],
    ...["-device", "virtio-rng-pci", "-device", "virtio-serial-pci,id=serial0"],
    ...["-chardev", `socket,path=${directory}/control.sock,server=on,wait=off,id=control`],
    ...["-device", "virtserialport,bus=serial0.0,nr=2,chardev=control,name=ctl"],
    ...(hasAgentPort ? agentPort(directory) : []),
    ...disks.flatMap((path, index) => [
      "-drive",
      `file=${path},format=qcow2,if=none,id=disk${index},discard=unmap,detect-zeroes=unmap,` +
      "cache=unsafe",
      ...["-device", `virtio-blk-pci,drive=disk${index},serial=talos${index}`],
    ]),
    ...(snapshot === undefined ? [] : ["-loadvm", snapshot]),
  ];
}

function agentPort(directory: string): string[] {
  return [
    ...["-chardev", `socket,path=${directory}/agent.sock,server=on,wait=off,id=agent`],
    "-device",
    "virtserialport,bus=serial0.0,nr=1,chardev=agent,name=org.qemu.guest_agent.0,id=" + AGENT_PORT,
  ];
}
