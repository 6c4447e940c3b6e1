import { cString, type Libc } from "./libc.ts";
import { DescriptorReadiness } from "./descriptor_readiness.ts";

const IN_NONBLOCK = 0o4000;
const IN_CLOEXEC = 0o2000000;
const IN_CLOSE = 0x018;
const IN_MOVED_TO = 0x080;
const IN_CREATE = 0x100;

/**
 * Tells when something appears in a directory, or when a file that somebody holds open is closed
 * (inotify(7)).
 */
export class DirectoryWatch implements AsyncDisposable {
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #readiness: DescriptorReadiness;
  readonly #watching: Promise<void>;
  #changed = false;
  #wake: () => void = () => {};
  #closed = false;

  /** @throws LibcError when the kernel has no more inotify instances to give */
  constructor(libc: Libc) {
    this.#libc = libc;
    this.#fd = libc.check(libc.event.inotify_init1(IN_NONBLOCK | IN_CLOEXEC), "inotify_init1");
    this.#readiness = new DescriptorReadiness(libc, this.#fd);
    this.#watching = this.#watch();
  }

  /** Watches for new entries; false when the directory does not exist or cannot be watched. */
  watchEntries(directory: string): boolean {
    return this.#add(directory, IN_CREATE | IN_MOVED_TO);
  }

  /** Watches for a file's being closed by whoever has it open; false when it cannot be watched. */
  watchClose(path: string): boolean {
    return this.#add(path, IN_CLOSE);
  }

  /**
   * Waits for a change since the last call; true when there was one.
   *
   * @param milliseconds how long at most; forever, without a timer, when left out
   */
  async change(milliseconds?: number): Promise<boolean> {
    if (!this.#changed && !this.#closed) {
      await new Promise<void>((resolve) => {
        const timer = milliseconds === undefined ? undefined : setTimeout(resolve, milliseconds);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    const changed = this.#changed;
    this.#changed = false;
    return changed;
  }

  /** Ends a pending `change` and closes the watch. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#wake();
    this.#readiness.stop();
    await this.#watching;
    this.#readiness[Symbol.dispose]();
    this.#libc.file.close(this.#fd);
  }

  #add(path: string, mask: number): boolean {
    return this.#libc.event.inotify_add_watch(this.#fd, cString(path), mask) >= 0;
  }

  async #watch(): Promise<void> {
    const buffer = new Uint8Array(4096);
    while (await this.#readiness.edge() !== undefined) {
      while (this.#libc.file.read(this.#fd, buffer, BigInt(buffer.length)) > 0) {
        this.#changed = true;
      }
      if (this.#changed) this.#wake();
    }
  }
}
