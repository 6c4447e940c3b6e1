import { runCommand, succeeded } from "./command.ts";

/**
 * What podman needs on machines with cgroups of version 1, without systemd, or whose limits cannot be
 * raised: a runtime and limits that work everywhere.
 */
const CONFIGURATION = `[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
`;

/** Podman with a configuration of its own, which is removed when it is disposed. */
export class Podman implements AsyncDisposable {
  /** Path of the configuration, for CONTAINERS_CONF of programs that run podman. */
  readonly configuration: string;

  private constructor(configuration: string) {
    this.configuration = configuration;
  }

  /** Makes the configuration. */
  static async create(): Promise<Podman> {
    const path = await Deno.makeTempFile({ prefix: "containers-", suffix: ".conf" });
    await Deno.writeTextFile(path, CONFIGURATION);
    return new Podman(path);
  }

  /**
   * Runs podman, and gives what it wrote to stdout.
   *
   * @throws {Error} with its complaint, if it fails.
   */
  async run(...args: readonly string[]): Promise<string> {
    const env = { CONTAINERS_CONF: this.configuration };
    return succeeded(`podman ${args.join(" ")}`, await runCommand("podman", args, { env })).stdout;
  }

  /** Removes the configuration. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.configuration);
  }
}
