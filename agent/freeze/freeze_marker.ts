import type { DeviceNumber } from "../linux/file_status.ts";
import type { Mount } from "./mount.ts";

/** What a marker says was to be frozen: these devices, or, left by qemu-ga, whatever is mounted. */
export type MarkedDevices = readonly DeviceNumber[] | "all";

/** How long a freeze may last. */
export interface FreezeLimit {
  readonly seconds: number;
  /** When that time ends, by the monotonic clock in milliseconds. */
  readonly deadline: number;
}

/** When a freeze began and has to end. */
export interface FreezeTimes {
  /** When it began, in milliseconds since the epoch. */
  readonly since: number;
  /** The same by the monotonic clock, in milliseconds. */
  readonly startedAt: number;
  /** Undefined when it may last forever. */
  readonly limit: FreezeLimit | undefined;
}

/** What a marker says. */
export interface MarkedFreeze {
  readonly devices: MarkedDevices;
  /** Undefined in a marker of qemu-ga, or one of an older agent. */
  readonly times: FreezeTimes | undefined;
}

/**
 * The file `qga.state.isfrozen` in the state directory: it exists from before the first file system is
 * frozen until after the last one is thawed, so that the guard and the next process know what a process
 * left frozen that was killed. It has lines such as
 *
 *     since 1764190000000
 *     started 123456.789
 *     limit 60
 *     deadline 183456.789
 *     8:2 "/var"
 *
 * the last for each device, with its mount point as JSON.
 *
 * The process that has made it holds a lock on it (flock(2)) until the kernel has done with that
 * process: a killed one can be in the middle of a FIFREEZE for long.
 */
export class FreezeMarker {
  readonly #path: string;
  readonly #exists: (path: string) => boolean;
  #locked: Disposable | undefined;

  /**
   * @param exists says whether there is a file; each start of the agent asks, and an exception of
   * Deno's would cost 5 ms there
   */
  constructor(stateDirectory: string, exists: (path: string) => boolean) {
    this.#path = `${stateDirectory}/qga.state.isfrozen`;
    this.#exists = exists;
  }

  /** Whether there is a marker now. */
  isThere(): boolean {
    return this.#exists(this.#path);
  }

  /**
   * Makes the marker, whole or not at all. It is not changed afterwards: its directory may be frozen.
   *
   * @throws Error of Deno when the state directory is missing or cannot be written
   */
  write(mounts: readonly Mount[], times: FreezeTimes): void {
    const { since, startedAt, limit } = times;
    const lines = [
      `since ${since}\n`,
      `started ${startedAt}\n`,
      ...(limit === undefined ? [] : [`limit ${limit.seconds}\n`, `deadline ${limit.deadline}\n`]),
      ...mounts.map(({ device: { major, minor }, mountPoint }) =>
        `${major}:${minor} ${JSON.stringify(mountPoint)}\n`
      ),
    ];
    const unfinished = `${this.#path}.new`;
    removeIfThere(unfinished);
    const file = Deno.openSync(unfinished, { write: true, createNew: true, mode: 0o600 });
    try {
      file.lockSync(true);
      Deno.writeTextFileSync(unfinished, lines.join(""));
      Deno.renameSync(unfinished, this.#path);
    } catch (error) {
      file.close();
      throw error;
    }
    this[Symbol.dispose]();
    this.#locked = { [Symbol.dispose]: () => file.close() };
  }

  /**
   * Waits until no other process has a marker, and takes the lock of one over that was left, so that one
   * process alone continues with it.
   *
   * @throws Error of Deno when it exists and cannot be read
   */
  async acquire(): Promise<void> {
    for (let found = this.find(); found !== undefined; found = this.find()) {
      if (await found.left()) {
        this[Symbol.dispose]();
        this.#locked = found;
        return;
      }
      found[Symbol.dispose]();
    }
  }

  /**
   * The marker that is there now; undefined when there is none.
   *
   * @throws Error of Deno when it exists and cannot be read
   */
  find(): FoundMarker | undefined {
    if (!this.isThere()) return undefined;
    try {
      return new FoundMarker(this.#path, Deno.openSync(this.#path));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
  }

  /**
   * What the marker says; undefined when there is none.
   *
   * @throws Error of Deno when it exists and cannot be read
   */
  read(): MarkedFreeze | undefined {
    using found = this.find();
    return found?.freeze;
  }

  /**
   * Removes the marker, if there is one.
   *
   * @throws Error of Deno when it cannot be removed
   */
  remove(): void {
    removeIfThere(this.#path);
    this[Symbol.dispose]();
  }

  /** Lets go of the lock; a marker stays. */
  [Symbol.dispose](): void {
    this.#locked?.[Symbol.dispose]();
    this.#locked = undefined;
  }
}

/** A marker that was there when it was looked for. */
export class FoundMarker implements Disposable {
  /** What it says. */
  readonly freeze: MarkedFreeze;
  readonly #path: string;
  readonly #file: Deno.FsFile;

  /**
   * Takes over the open file.
   *
   * @throws Error of Deno when it cannot be read
   */
  constructor(path: string, file: Deno.FsFile) {
    this.#path = path;
    this.#file = file;
    try {
      const bytes = new Uint8Array(file.statSync().size);
      const length = file.readSync(bytes) ?? 0;
      this.freeze = parseMarker(new TextDecoder().decode(bytes.subarray(0, length)));
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /**
   * Waits until its process has removed it or has ended; it must be another process. In the latter case
   * its lock is held until it is disposed of.
   *
   * @returns whether it was left behind; false when it is the marker no more
   */
  async left(): Promise<boolean> {
    await this.#file.lock(true);
    try {
      return Deno.statSync(this.#path).ino === this.#file.statSync().ino;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return false;
      throw error;
    }
  }

  /** Removes it; it must have been left behind. */
  remove(): void {
    removeIfThere(this.#path);
  }

  /** Lets go of it. */
  [Symbol.dispose](): void {
    this.#file.close();
  }
}

/** Reads a marker's text; lines of another shape are passed over. */
export function parseMarker(text: string): MarkedFreeze {
  const devices: DeviceNumber[] = [];
  const numbers = new Map<string, number>();
  for (const line of text.split("\n")) {
    const device = /^(\d+):(\d+) /.exec(line);
    if (device !== null) devices.push({ major: Number(device[1]), minor: Number(device[2]) });
    const number = /^(since|started|limit|deadline) (\d+(?:\.\d+)?)$/.exec(line);
    if (number?.[1] !== undefined) numbers.set(number[1], Number(number[2]));
  }
  const since = numbers.get("since");
  const startedAt = numbers.get("started");
  const seconds = numbers.get("limit");
  const deadline = numbers.get("deadline");
  const limit = seconds === undefined || deadline === undefined ? undefined : { seconds, deadline };
  return {
    devices: devices.length === 0 ? "all" : devices,
    times: since === undefined || startedAt === undefined ? undefined : { since, startedAt, limit },
  };
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
