import {
  type CommandOptions,
  type CommandResult,
  runCommand,
  succeeded,
} from "../harness/command.ts";
import { DeadlineError } from "../harness/deadline.ts";
import { findControlPlaneProgram } from "../harness/kubernetes/control_plane.ts";
import { findProgram } from "../harness/qemu/programs.ts";
import { until } from "../harness/until.ts";
import { NODE_ADDRESS } from "./machine_configuration.ts";
import { findTalosProgram } from "./talos_files.ts";
import type { TalosMachine } from "./talos_machine.ts";

/** One of Talos' own commands may hang while the node comes up or goes down. */
const TALOSCTL_TIMEOUT_MS = 20_000;

/** Each look is a handshake for the machine, which takes it a good part of a second. */
const PAUSE_MS = 3_000;

/** When a command is ended that has not ended by itself. */
type Limits = Pick<CommandOptions, "timeoutMs" | "signal">;

/** The cluster of one node that Talos on a machine is, as its administrator sees it from outside. */
export class TalosCluster {
  readonly #directory: string;
  readonly #machine: TalosMachine;

  /** @param directory where `talosconfig` is, and where a kubeconfig goes */
  constructor(directory: string, machine: TalosMachine) {
    this.#directory = directory;
    this.#machine = machine;
  }

  /** Runs talosctl on the node, however it ends; no end within 20 seconds is a failure. */
  async talosctl(...args: readonly string[]): Promise<CommandResult> {
    return await this.#talosctl(args, { timeoutMs: TALOSCTL_TIMEOUT_MS });
  }

  /** The same until the signal ends it; no end within two minutes is a failure. */
  async talosctlUntil(signal: AbortSignal, ...args: readonly string[]): Promise<CommandResult> {
    return await this.#talosctl(args, { signal });
  }

  async #talosctl(args: readonly string[], limits: Limits): Promise<CommandResult> {
    const program = await findTalosProgram("talosctl");
    const all = [
      ...["--talosconfig", `${this.#directory}/talosconfig`, "--nodes", NODE_ADDRESS],
      ...["--endpoints", `127.0.0.1:${this.#machine.apidPort}`, ...args],
    ];
    return await this.#run(program, all, limits);
  }

  /**
   * Has Talos take documents into the node's machine configuration, or merge them with what is there.
   *
   * @throws {Error} with its complaint, if it refuses.
   */
  async patchConfiguration(...documents: readonly unknown[]): Promise<void> {
    const patch = documents.map((document) => JSON.stringify(document)).join("\n---\n");
    succeeded("talosctl patch", await this.talosctl("patch", "machineconfig", "--patch", patch));
  }

  /** Runs kubectl, however it ends. */
  async tryKubectl(args: readonly string[], stdin?: string): Promise<CommandResult> {
    return await this.#run(await findControlPlaneProgram("kubectl"), args, { stdin });
  }

  /**
   * Runs kubectl.
   *
   * @throws {Error} with its complaint, if it fails.
   */
  async kubectl(args: readonly string[], stdin?: string): Promise<CommandResult> {
    return succeeded(`kubectl ${args.join(" ")}`, await this.tryKubectl(args, stdin));
  }

  /**
   * Runs Helm 4.
   *
   * @throws {Error} with its complaint, if it fails.
   */
  async helm(...args: readonly string[]): Promise<CommandResult> {
    const program = Deno.env.get("HELM4") ?? await findProgram("helm4", "helm");
    return succeeded(
      `helm ${args.join(" ")}`,
      await this.#run(program, args, { timeoutMs: 600_000 }),
    );
  }

  /**
   * Has Talos make a cluster of the node that has just booted, and waits until that is Ready.
   *
   * @param say is told of each thing that is there
   * @throws {Error} if something does not come up in time
   */
  async bootstrap(say: (what: string) => void): Promise<void> {
    const wait = async (what: string, look: () => Promise<boolean>, minutes: number) => {
      await until(
        what,
        async () => {
          await this.#assertNoPanic();
          return await look() || undefined;
        },
        minutes * 60_000,
        PAUSE_MS,
      );
      say(what);
    };
    await wait("apid answers", async () => (await this.talosctl("version")).code === 0, 5);
    await wait("etcd is bootstrapped", async () => {
      const { code, stderr } = await this.talosctl("bootstrap");
      return code === 0 || stderr.includes("AlreadyExists");
    }, 5);
    await wait("etcd runs", async () => {
      const { stdout } = await this.talosctl("services");
      return /etcd .*Running.*OK/.test(stdout);
    }, 8);
    await wait("there is a kubeconfig", () => this.#writeKubeconfig(), 5);
    await wait("the API server is ready", async () => {
      const { code } = await this.tryKubectl(["get", "--raw", "/readyz", "--request-timeout=15s"]);
      return code === 0;
    }, 15);
    await wait("the node is Ready", async () => {
      const { stdout } = await this.tryKubectl(["get", "nodes", "--request-timeout=15s"]);
      return / Ready /.test(stdout);
    }, 10);
  }

  /** Writes the kubeconfig that Talos gives; false when it gives none yet. */
  async #writeKubeconfig(): Promise<boolean> {
    const path = this.#kubeconfig();
    const { code } = await this.talosctl("kubeconfig", path, "--force");
    if (code !== 0) return false;
    await this.usePorts();
    return true;
  }

  /** Has the kubeconfig lead to the machine. */
  async usePorts(): Promise<void> {
    const path = this.#kubeconfig();
    const text = await Deno.readTextFile(path);
    const server = `https://127.0.0.1:${this.#machine.apiServerPort}`;
    await Deno.writeTextFile(path, text.replace(/server: .*/, `server: ${server}`));
  }

  /** The emulation of a second processor makes a kernel oops now and then. */
  async #assertNoPanic(): Promise<void> {
    const oops = /^.*(?:Kernel panic|Oops:).*$/m.exec(await this.#machine.console());
    if (oops !== null) throw new MachinePanic(oops[0]);
  }

  #kubeconfig(): string {
    return `${this.#directory}/kubeconfig`;
  }

  async #run(
    program: string,
    args: readonly string[],
    options: Limits & Pick<CommandOptions, "stdin">,
  ): Promise<CommandResult> {
    const env = {
      HOME: this.#directory,
      HELM_CONFIG_HOME: this.#directory,
      HELM_CACHE_HOME: this.#directory,
      HELM_DATA_HOME: this.#directory,
      KUBECONFIG: this.#kubeconfig(),
    };
    try {
      return await runCommand(program, args, { ...options, env });
    } catch (error) {
      if (!(error instanceof DeadlineError)) throw error;
      return { code: 124, stdout: "", stderr: error.message };
    }
  }
}

/** The machine's kernel has given up; it may come up the next time. */
export class MachinePanic extends Error {
  override readonly name = "MachinePanic";
}
