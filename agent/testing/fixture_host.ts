import type { CommandContext } from "../commands/context.ts";
import { Host } from "../host/host.ts";
import { KernelFiles } from "../host/kernel_files.ts";
import { Libc } from "../host/libc.ts";
import { TemporaryDirectory } from "./talos_temporary_directory.ts";

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
    this.context = {
      version: "1",
      commandStates: () => [],
      host: new Host(libc, new KernelFiles(libc), roots, () => []),
      power: { request: () => Promise.reject(new Error("no power in a fixture")) },
      interfaces: { include: [], exclude: [] },
    };
  }

  /** Makes one with these files. */
  static async create(
    tree: Readonly<Record<string, string>> = {},
    libc: Libc = new Libc(),
  ): Promise<FixtureHost> {
    const host = new FixtureHost(await TemporaryDirectory.create(), libc);
    await host.plant(tree);
    return host;
  }

  /** Writes files, by their path below the directory. */
  async plant(tree: Readonly<Record<string, string>>): Promise<void> {
    for (const [name, text] of Object.entries(tree)) {
      const path = `${this.path}/${name}`;
      await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
      await Deno.writeTextFile(path, text);
    }
  }

  /** The text of a file now. */
  async read(name: string): Promise<string> {
    return await Deno.readTextFile(`${this.path}/${name}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#libc[Symbol.dispose]();
    await this.#directory[Symbol.asyncDispose]();
  }
}
