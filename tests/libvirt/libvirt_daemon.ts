import { findProgram } from "../harness/qemu/programs.ts";

/** How a `virsh` command ended. */
export interface VirshResult {
  /** Its exit status. */
  readonly code: number;
  /** What it printed. */
  readonly stdout: string;
  /** What it complained of. */
  readonly stderr: string;
}

/** `virsh` failed. */
export class VirshError extends Error {
  override readonly name = "VirshError";
}

/** In a directory of the daemon's own. Nothing of this machine is asked for permission or confined. */
const DAEMON_CONFIGURATION = (directory: string) =>
  `unix_sock_dir = "${directory}"
unix_sock_group = "root"
auth_unix_ro = "none"
auth_unix_rw = "none"
log_outputs = "3:file:${directory}/libvirtd.log"
`;

const QEMU_CONFIGURATION = `security_driver = "none"
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
cgroup_controllers = []
namespaces = []
seccomp_sandbox = 0
stdio_handler = "file"
`;

/** How long the daemon may take to start, and a `virsh` command to end, in milliseconds. */
const TIMEOUT_MS = 60_000;

/**
 * libvirt, the real one, with its state in a temporary directory and its processes in namespaces of
 * their own: neither a libvirt of this machine nor its files are touched. The daemon and all QEMUs that
 * it started are gone when it is disposed, and also when this process dies in any other way. Root only.
 *
 * @example
 * ```ts
 * await using libvirt = await LibvirtDaemon.start();
 * await libvirt.virsh("list", "--all");
 * ```
 */
export class LibvirtDaemon implements AsyncDisposable {
  /** For files of its domains; removed with the daemon. */
  readonly directory: string;

  readonly #process: Deno.ChildProcess;
  readonly #output: Promise<string>;

  private constructor(directory: string, process: Deno.ChildProcess) {
    this.directory = directory;
    this.#process = process;
    this.#output = new Response(process.stderr).text();
  }

  /**
   * Starts it and waits until it serves.
   *
   * @throws {Error} if a program is missing or the daemon ends; with what it said.
   */
  static async start(): Promise<LibvirtDaemon> {
    const directory = await Deno.makeTempDir({ prefix: "libvirt-" });
    await Deno.mkdir(`${directory}/etc/libvirt`, { recursive: true });
    const configuration = `${directory}/etc/libvirt`;
    await Deno.writeTextFile(`${configuration}/libvirtd.conf`, DAEMON_CONFIGURATION(directory));
    await Deno.writeTextFile(`${configuration}/qemu.conf`, QEMU_CONFIGURATION);
    const script = new URL("./start-libvirtd", import.meta.url).pathname;
    const process = new Deno.Command("setpriv", {
      // The kernel kills unshare with this process, the first process in there with unshare, and all
      // others with that one.
      args: [
        ...["--pdeathsig", "KILL", "--", await findProgram("unshare")],
        ...["--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc", "--"],
        ...[script, directory],
      ],
      stdin: "piped",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const daemon = new LibvirtDaemon(directory, process);
    try {
      await daemon.#waitReady();
      return daemon;
    } catch (error) {
      await daemon[Symbol.asyncDispose]();
      throw error;
    }
  }

  /**
   * Runs a `virsh` command, however it ends.
   *
   * @throws {Error} if it does not end within a minute.
   */
  async tryVirsh(...args: string[]): Promise<VirshResult> {
    const connection = `qemu+unix:///system?socket=${this.directory}/libvirt-sock`;
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const { code, stdout, stderr } = await new Deno.Command("virsh", {
      args: ["--connect", connection, ...args],
      env: { LC_ALL: "C" },
      stdin: "null",
      signal,
    }).output();
    if (signal.aborted) {
      throw new Error(`virsh ${args.join(" ")} did not end:\n${await this.#said()}`);
    }
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  }

  /**
   * Runs a `virsh` command and gives what it printed.
   *
   * @throws {VirshError} with its complaint, if it fails.
   */
  async virsh(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.tryVirsh(...args);
    if (code !== 0) throw new VirshError(`virsh ${args.join(" ")}: ${stderr.trim()}`);
    return stdout;
  }

  /** Ends it with all its domains and removes what they left. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stdin.close();
    await this.#process.status;
    // Its end says that the last process of the namespaces has gone: they all have got this pipe.
    await this.#output;
    await Deno.remove(this.directory, { recursive: true });
  }

  async #waitReady(): Promise<void> {
    const end = performance.now() + TIMEOUT_MS;
    const ended = this.#process.status.then(() => true);
    for (;;) {
      if ((await this.tryVirsh("uri")).code === 0) return;
      const pause = new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 50));
      if (await Promise.race([ended, pause])) {
        throw new Error(`libvirtd ended: ${await this.#output}${await this.#said()}`);
      }
      if (performance.now() > end) {
        throw new Error(`libvirtd does not serve: ${await this.#said()}`);
      }
    }
  }

  /** The daemon's log; empty if it never came so far. */
  async #said(): Promise<string> {
    try {
      return await Deno.readTextFile(`${this.directory}/libvirtd.log`);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return "";
      throw error;
    }
  }
}
