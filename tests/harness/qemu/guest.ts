import { AMD64, type Architecture } from "./architecture.ts";
import { type CommandResult, ControlShell } from "./control_shell.ts";
import { DeadlineError, withDeadline } from "../deadline.ts";
import { type DiskOptions, makeDisk } from "./disk.ts";
import { GuestAgentClient } from "./guest_agent_client.ts";
import { type GuestFile, writeInitramfs } from "./initramfs.ts";
import { findKernel, type Kernel } from "./kernel.ts";
import { findProgram } from "./programs.ts";
import { AGENT_PORT, type MachineDisk, qemuArguments } from "./qemu_arguments.ts";
import { QmpClient } from "./qmp.ts";
import type { TimeoutOptions } from "../unix_stream.ts";

/** What a guest is to be like. */
export interface GuestOptions {
  /** Memory in MiB. Default 512, enough for an agent of 100 MB. */
  readonly memoryMiB?: number;
  /** Number of processors. Default 1: more are slower under software emulation. */
  readonly cpus?: number;
  /** Programs, absolute path in the guest to path on this machine; their libraries come along. */
  readonly programs?: Readonly<Record<string, string>>;
  /** Files by absolute path in the guest. */
  readonly files?: Readonly<Record<string, GuestFile>>;
  /** Modules to load besides those of every guest, such as `xfs`. */
  readonly modules?: readonly string[];
  /** Its disks, /dev/vda first. */
  readonly disks?: readonly DiskOptions[];
  /** The command line that starts the agent, for the guest's shell. Default: no agent. */
  readonly agentCommand?: string;
  /** Whether the agent's log goes to the console too. Default false. */
  readonly agentLogOnConsole?: boolean;
  /** Whether the agent's port is there from the start; `plugPort` adds it later. Default true. */
  readonly agentPort?: boolean;
  /** More kernel options. */
  readonly append?: readonly string[];
  /** More QEMU options, one argument each: `["-device", "..."]`. */
  readonly extraDevices?: readonly string[];
  /** Whether QEMU ends when the guest reboots. Default false. */
  readonly noReboot?: boolean;
  /** How long the boot may take, in milliseconds. Default 180 000: some machines only emulate, and slowly. */
  readonly bootTimeoutMs?: number;
  /** Of its processors. Default: amd64. */
  readonly architecture?: Architecture;
  /** The kernel to boot. Default: that of scripts/bootstrap. */
  readonly kernel?: Kernel;
}

/** What every guest loads: its ports, network, disks, and vsock with itself. */
export const GUEST_MODULES: readonly string[] = [
  "virtio_pci",
  "virtio_console",
  "virtio_net",
  "virtio_blk",
  "vsock_loopback",
  "vmw_vsock_virtio_transport",
];

/** A panic takes some 40 lines; the one that says why is the first of them. */
const CONSOLE_LINES = 60;

/**
 * A virtual machine with a virtio-serial port, on which an agent runs, and the hypervisor's side of
 * it. QEMU is gone when it is disposed, and also when this process dies in any other way.
 *
 * @example
 * ```ts
 * await using guest = await Guest.boot({
 *   programs: { "/bin/agent": "dist/qemu-ga-talos" },
 *   agentCommand: "/bin/agent run",
 * });
 * await using agent = await guest.agent();
 * await agent.sync();
 * await agent.execute("guest-ping");
 * ```
 */
export class Guest implements AsyncDisposable {
  /** Of its processors. */
  readonly architecture: Architecture;
  /** QEMU's monitor. */
  readonly qmp: QmpClient;
  /** The unix socket of the agent's port. QEMU serves one client there at a time. */
  readonly agentSocket: string;
  /** The raw files of its disks, on this machine. */
  readonly disks: readonly string[];
  /** The process id of QEMU. */
  readonly pid: number;
  /** How QEMU ended; settles when it has. */
  readonly exited: Promise<Deno.CommandStatus>;

  readonly #resources: AsyncDisposableStack;
  readonly #qemu: Deno.ChildProcess;
  readonly #control: ControlShell;
  readonly #consoleLog: string;
  readonly #bootTimeoutMs: number;

  private constructor(
    parts: {
      resources: AsyncDisposableStack;
      architecture: Architecture;
      qemu: Deno.ChildProcess;
      qmp: QmpClient;
      control: ControlShell;
      agentSocket: string;
      disks: readonly string[];
      consoleLog: string;
      bootTimeoutMs: number;
    },
  ) {
    this.architecture = parts.architecture;
    this.qmp = parts.qmp;
    this.agentSocket = parts.agentSocket;
    this.disks = parts.disks;
    this.pid = parts.qemu.pid;
    this.exited = parts.qemu.status;
    this.#resources = parts.resources;
    this.#qemu = parts.qemu;
    this.#control = parts.control;
    this.#consoleLog = parts.consoleLog;
    this.#bootTimeoutMs = parts.bootTimeoutMs;
  }

  /**
   * Starts a guest and waits until commands can be run in it. The agent has been started by then,
   * but need not have opened its port.
   *
   * @throws {Error} if QEMU or the kernel is missing, QEMU fails, or the guest is not up in time;
   * with the last lines of its console.
   */
  static async boot(options: GuestOptions = {}): Promise<Guest> {
    await using resources = new AsyncDisposableStack();
    const { bootTimeoutMs = 180_000 } = options;
    const directory = await Deno.makeTempDir({ prefix: "guest-" });
    resources.defer(() => Deno.remove(directory, { recursive: true }));
    const agentSocket = `${directory}/agent.sock`;
    const controlSocket = `${directory}/control.sock`;
    const qmpSocket = `${directory}/qmp.sock`;
    const consoleLog = `${directory}/console.log`;
    const initramfs = `${directory}/initramfs`;

    const { architecture = AMD64 } = options;
    const kernel = options.kernel ?? await findKernel(architecture);
    await writeInitramfs(initramfs, {
      kernel,
      modules: [...GUEST_MODULES, ...options.modules ?? []],
      architecture,
      programs: options.programs ?? {},
      files: { ...agentCommandFile(options.agentCommand), ...options.files },
    });
    const disks: MachineDisk[] = [];
    for (const [index, disk] of (options.disks ?? []).entries()) {
      const path = `${directory}/disk${index}`;
      await makeDisk(path, disk);
      disks.push({ path, bytesPerSecond: disk.bytesPerSecond });
    }
    const qemu = await startQemu(
      architecture,
      qemuArguments({
        architecture,
        kernelImage: kernel.image,
        initramfs,
        append: [
          ...options.agentLogOnConsole ? ["agent_log_on_console"] : [],
          ...options.append ?? [],
        ],
        memoryMiB: options.memoryMiB ?? 512,
        cpus: options.cpus ?? 1,
        agentPort: options.agentPort ?? true,
        noReboot: options.noReboot ?? false,
        disks,
        extraDevices: options.extraDevices ?? [],
        agentSocket,
        controlSocket,
        qmpSocket,
        consoleLog,
      }),
    );
    const stderr = new Response(qemu.stderr).text();
    resources.defer(async () => {
      killProcess(qemu);
      await qemu.status;
      await stderr;
    });
    const ended = new AbortController();
    const { signal } = ended;
    const failure = (async () => {
      await qemu.status;
      const error = new Error(`QEMU ended: ${(await stderr).trim()}`);
      ended.abort(error);
      throw error;
    })();
    // Looked at while booting only.
    failure.catch(() => {});

    try {
      const qmp = resources.use(await QmpClient.connect(qmpSocket, { signal }));
      // QEMU answers once it has mapped the file; that space is then freed with QEMU, come what may.
      await Deno.remove(initramfs);
      const control = resources.use(await ControlShell.connect(controlSocket, { signal }));
      // Ends with the connection, as QEMU does.
      await control.waitReady(bootTimeoutMs);
      return new Guest({
        resources: resources.move(),
        architecture,
        qemu,
        qmp,
        control,
        agentSocket,
        disks: disks.map(({ path }) => path),
        consoleLog,
        bootTimeoutMs,
      });
    } catch (error) {
      const reason = error instanceof DeadlineError ? error : await causeOf(error, failure);
      throw await withConsole("the guest did not boot", consoleLog, reason);
    }
  }

  /** A client on the agent's port, connected; the agent need not listen yet. */
  async agent(): Promise<GuestAgentClient> {
    return await GuestAgentClient.connect(this.agentSocket);
  }

  /**
   * Runs a command by the guest's shell, as root. Default 10 seconds.
   *
   * @throws {Error} if it does not end in time; with the last lines of the console.
   */
  async run(command: string, options: TimeoutOptions = {}): Promise<CommandResult> {
    try {
      return await this.#control.run(command, options);
    } catch (error) {
      throw await withConsole(`\`${command}\` failed in the guest`, this.#consoleLog, error);
    }
  }

  /** What the agent has written to stdout and stderr since it started. */
  async agentLog(): Promise<string> {
    return (await this.run("cat /run/agent.log")).stdout;
  }

  /** What the guest has written to its serial console. */
  async consoleLog(): Promise<string> {
    return await Deno.readTextFile(this.#consoleLog);
  }

  /**
   * Takes the agent's port out of the running guest, and waits until it is gone.
   *
   * @throws {QmpError} if it is not there.
   */
  async unplugPort(): Promise<void> {
    const since = this.qmp.events.length;
    await this.qmp.execute("device_del", { id: AGENT_PORT.device });
    await this.qmp.waitEvent("DEVICE_DELETED", {
      since,
      where: ({ data }) => data["device"] === AGENT_PORT.device,
    });
  }

  /**
   * Puts the agent's port into the running guest, where it may get another device node than before.
   *
   * @throws {QmpError} if it is there already.
   */
  async plugPort(): Promise<void> {
    const { device, chardev, name, bus } = AGENT_PORT;
    await this.qmp.execute("device_add", {
      driver: "virtserialport",
      id: device,
      chardev,
      name,
      bus,
    });
  }

  /**
   * Makes a TCP port of the guest one of this machine's loopback, too.
   *
   * @throws {Error} with QEMU's complaint, when another program has the port.
   */
  async forwardPort(port: number, guestPort: number): Promise<void> {
    // The monitor for people has what QMP lacks, and tells of a failure by saying anything.
    const complaint = await this.qmp.execute("human-monitor-command", {
      "command-line": `hostfwd_add network tcp:127.0.0.1:${port}-:${guestPort}`,
    });
    if (complaint !== "") throw new Error(`port ${port}: ${String(complaint).trim()}`);
  }

  /** Powers the guest off from within, as Talos does in the end, and waits for QEMU to exit. */
  async powerOff(): Promise<Deno.CommandStatus> {
    await this.#control.start("poweroff -f");
    return await this.exited;
  }

  /** Reboots the guest from within, as Talos does in the end, and waits until it is up again. */
  async reboot(): Promise<void> {
    this.#control.expectRestart();
    await this.#control.start("reboot -f");
    await this.waitReady();
  }

  /** Presses the reset button, and waits until the guest is up again. */
  async reset(): Promise<void> {
    this.#control.expectRestart();
    await this.qmp.execute("system_reset");
    await this.waitReady();
  }

  /**
   * Waits until commands can be run: after `boot`, at once.
   *
   * @throws {Error} if the guest is not up in time; with the last lines of its console.
   */
  async waitReady(): Promise<void> {
    try {
      await this.#control.waitReady(this.#bootTimeoutMs);
    } catch (error) {
      throw await withConsole("the guest did not boot", this.#consoleLog, error);
    }
  }

  /** Ends QEMU at once, as a host that loses power. */
  async kill(): Promise<void> {
    killProcess(this.#qemu);
    await this.exited;
  }

  /** Ends QEMU and removes what it left. May be called twice. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}

/** The file from which a guest's init starts the agent, if it is to start one. */
export function agentCommandFile(command: string | undefined): Record<string, GuestFile> {
  if (command === undefined) return {};
  const content = `#!/bin/sh\nexec ${command}\n`;
  return { "/etc/agent-command": { content, mode: 0o755 } };
}

/** setpriv has the kernel kill QEMU when this process is gone, even if it was killed itself. */
async function startQemu(
  { qemu: program, part }: Architecture,
  args: readonly string[],
): Promise<Deno.ChildProcess> {
  const qemu = await findProgram(program, part);
  return new Deno.Command("setpriv", {
    args: ["--pdeathsig", "KILL", "--", qemu, ...args],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
}

function killProcess(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch (error) {
    // It has ended by itself.
    if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** A connection to QEMU that breaks may be seen before QEMU's end, which says more. */
async function causeOf(error: unknown, failure: Promise<never>): Promise<unknown> {
  try {
    return await withDeadline(failure, 10_000, () => "QEMU's end");
  } catch (cause) {
    return cause instanceof DeadlineError ? error : cause;
  }
}

async function withConsole(what: string, consoleLog: string, cause: unknown): Promise<Error> {
  const reason = cause instanceof Error ? cause.message : String(cause);
  let lines: string;
  try {
    lines = (await Deno.readTextFile(consoleLog)).trim().split("\n").slice(-CONSOLE_LINES).join(
      "\n",
    );
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    lines = "";
  }
  return new Error(`${what}: ${reason}\nThe end of its console:\n${lines}`, { cause });
}
