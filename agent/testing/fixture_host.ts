import type { CommandContext } from "../commands/context.ts";
import { GuestFiles } from "../host/guest_files.ts";
import { GuestProcesses } from "../host/guest_processes.ts";
import { HandleNumbers } from "../host/handle_numbers.ts";
import { Host } from "../host/host.ts";
import { KernelFiles } from "../host/kernel_files.ts";
import { Libc } from "../host/libc.ts";
import type { Network } from "../host/rtnetlink.ts";
import { silentLog } from "../telemetry/log.ts";
import type { Steps } from "../steps.ts";
import { type FixtureTree, plant } from "./fixture_tree.ts";
import { TemporaryDirectory } from "./talos_temporary_directory.ts";

function* noNetwork(): Steps<Network> {
  yield;
  return { links: [], addresses: [] };
}

/**
 * A host whose trees `proc`, `sys`, `dev` and `root` lie in a temporary directory.
 *
 * @example
 * await using host = await FixtureHost.create({ "proc/loadavg": "0.00 0.01 0.05 1/2 3\n" });
 * guestGetLoad.execute({}, host.context);
 */
export class FixtureHost implements AsyncDisposable {
  /** What a command gets; power requests fail. */
  readonly context: CommandContext;
  /** Where the trees lie. */
  readonly path: string;
  readonly #directory: TemporaryDirectory;
  readonly #libc: Libc;
  readonly #host: Host;
  readonly #guestFiles: GuestFiles;
  readonly #guestProcesses: GuestProcesses;

  private constructor(directory: TemporaryDirectory, libc: Libc) {
    this.#directory = directory;
    this.#libc = libc;
    this.path = directory.path;
    const roots = {
      procfs: `${this.path}/proc`,
      sysfs: `${this.path}/sys`,
      devfs: `${this.path}/dev`,
      rootfs: `${this.path}/root`,
    };
    this.#guestFiles = new GuestFiles({
      libc,
      root: roots.rootfs,
      numbers: new HandleNumbers(this.path),
      log: silentLog,
    });
    this.#guestProcesses = new GuestProcesses(libc, silentLog);
    this.#host = new Host(libc, new KernelFiles(libc), roots, noNetwork);
    this.context = {
      version: "1",
      commandStates: () => [],
      host: this.#host,
      power: { request: () => Promise.reject(new Error("no power in a fixture")) },
      freezer: {
        state: "thawed",
        freeze: () => Promise.reject(new Error("no freeze in a fixture")),
        thaw: () => Promise.resolve(0),
      },
      trim: () => Promise.resolve([]),
      interfaces: { include: [], exclude: [] },
      guestFiles: this.#guestFiles,
      guestProcesses: this.#guestProcesses,
    };
  }

  /** Makes one with these files. */
  static async create(
    tree: FixtureTree = {},
    libc: Libc = new Libc(),
  ): Promise<FixtureHost> {
    const host = new FixtureHost(await TemporaryDirectory.create(), libc);
    await host.plant(tree);
    return host;
  }

  /** Writes files below the directory; see `FixtureTree`. */
  async plant(tree: FixtureTree): Promise<void> {
    await plant(this.path, tree);
  }

  /** The text of a file now. */
  async read(name: string): Promise<string> {
    return await Deno.readTextFile(`${this.path}/${name}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#guestFiles[Symbol.dispose]();
    await this.#guestProcesses[Symbol.asyncDispose]();
    this.#host[Symbol.dispose]();
    this.#libc[Symbol.dispose]();
    await this.#directory[Symbol.asyncDispose]();
  }
}
