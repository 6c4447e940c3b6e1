import type { DeviceNumber } from "./file_status.ts";
import type { Mount } from "./mount_table.ts";

/** What a marker says was to be frozen: these devices, or, left by qemu-ga, whatever is mounted. */
export type MarkedDevices = readonly DeviceNumber[] | "all";

/**
 * The file `qga.state.isfrozen` in the state directory: it exists from before the first file system is
 * frozen until after the last one is thawed, so that the next process knows what one left frozen that
 * was killed. A line is a device number and a mount point as JSON: `8:2 "/var"`.
 *
 * The process that has made it holds a lock on it (flock(2)) until the kernel has done with that
 * process: a killed one can be in the middle of a FIFREEZE for long.
 */
export class FreezeMarker {
  readonly #path: string;
  readonly #exists: (path: string) => boolean;
  #locked: Deno.FsFile | undefined;

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
  write(mounts: readonly Mount[]): void {
    const lines = mounts.map(({ device: { major, minor }, mountPoint }) =>
      `${major}:${minor} ${JSON.stringify(mountPoint)}\n`
    );
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
    this.#locked?.close();
    this.#locked = file;
  }

  /**
   * Waits until the process that has made the marker has ended or removed it. It must be another one.
   *
   * @throws Error of Deno when the marker exists and cannot be read
   */
  async released(): Promise<void> {
    if (!this.isThere()) return;
    try {
      using file = await Deno.open(this.#path);
      await file.lock(true);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /**
   * What the marker says; undefined when there is none.
   *
   * @throws Error of Deno when it exists and cannot be read
   */
  read(): MarkedDevices | undefined {
    if (!this.isThere()) return undefined;
    let text: string;
    try {
      text = Deno.readTextFileSync(this.#path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    }
    const devices = Array.from(
      text.matchAll(/^(\d+):(\d+) /gm),
      ([, major, minor]) => ({ major: Number(major), minor: Number(minor) }),
    );
    return devices.length === 0 ? "all" : devices;
  }

  /**
   * Removes the marker, if there is one.
   *
   * @throws Error of Deno when it cannot be removed
   */
  remove(): void {
    removeIfThere(this.#path);
    this.#locked?.close();
    this.#locked = undefined;
  }
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
