/** Where cgroups of each version lie, and what their files are called (cgroups(7)). */
const VERSION_1 = {
  tree: "/sys/fs/cgroup/memory",
  limit: "memory.limit_in_bytes",
  usage: "memory.usage_in_bytes",
  peak: "memory.max_usage_in_bytes",
  kills: "memory.oom_control",
  anonymous: "rss",
};
const VERSION_2 = {
  tree: "/sys/fs/cgroup",
  limit: "memory.max",
  usage: "memory.current",
  peak: "memory.peak",
  kills: "memory.events",
  anonymous: "anon",
};

const MEBIBYTE = 1024 * 1024;

/** Memory of a cgroup, in MiB. */
export interface CgroupMemory {
  /**
   * All but the page cache that was not used lately: what kubelet takes for the container's memory, and
   * `kubectl top` shows. The rest of the page cache is given back when there is need.
   */
  readonly workingSet: number;
  /** What no file stands behind, which cannot be given back. */
  readonly anonymous: number;
  /** The most that was used since the last look, page cache and all; NaN where the kernel does not tell. */
  readonly peak: number;
}

/** A cgroup with a limit of memory, of version 1 or 2, whichever this machine has. Removed when disposed. */
export class MemoryCgroup implements Disposable {
  readonly #path: string;
  readonly #files: typeof VERSION_1;

  private constructor(path: string, files: typeof VERSION_1) {
    this.#path = path;
    this.#files = files;
  }

  /** @throws {Error} where none can be made; `scripts/bootstrap memory-cgroup` says so before. */
  static create(limitMiB: number): MemoryCgroup {
    const files = exists(VERSION_1.tree) ? VERSION_1 : VERSION_2;
    const path = `${files.tree}/qga-test-${Deno.pid}-${crypto.randomUUID().slice(0, 8)}`;
    Deno.mkdirSync(path);
    Deno.writeTextFileSync(`${path}/${files.limit}`, `${limitMiB * MEBIBYTE}`);
    return new MemoryCgroup(path, files);
  }

  /** Where a process writes its id to get in. */
  get procs(): string {
    return `${this.#path}/cgroup.procs`;
  }

  /** What is used now. */
  memory(): CgroupMemory {
    const statistics = this.#read("memory.stat");
    const field = (name: string) =>
      Number(new RegExp(`^${name} (\\d+)$`, "m").exec(statistics)?.[1]) / MEBIBYTE;
    return {
      workingSet: Number(this.#read(this.#files.usage)) / MEBIBYTE - field("inactive_file"),
      anonymous: field(this.#files.anonymous),
      peak: this.#takePeak(),
    };
  }

  /** How many processes the kernel has killed for want of memory. */
  kills(): number {
    return Number(/^oom_kill (\d+)$/m.exec(this.#read(this.#files.kills))?.[1]);
  }

  /** Removes it; its processes must have ended. */
  [Symbol.dispose](): void {
    Deno.removeSync(this.#path);
  }

  #takePeak(): number {
    const path = `${this.#path}/${this.#files.peak}`;
    try {
      const peak = Number(Deno.readTextFileSync(path)) / MEBIBYTE;
      Deno.writeTextFileSync(path, "0");
      return peak;
    } catch {
      // memory.peak is there since Linux 5.19, and can be written to since 6.12.
      return NaN;
    }
  }

  #read(name: string): string {
    return Deno.readTextFileSync(`${this.#path}/${name}`);
  }
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
