import { cString, Errno, type Libc, OpenFlag } from "../linux/libc.ts";

const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;

const WAIT_SYMBOLS = {
  flock: { parameters: ["i32", "i32"], result: "i32", nonblocking: true },
} as const satisfies Deno.ForeignLibraryInterface;

/**
 * The file `qga.guard` in the state directory, which the guard holds locked (flock(2)) as long as it
 * lives: the agent, `check` and metrics know by that whether somebody watches.
 */
export class GuardLock {
  readonly #libc: Libc;
  readonly #path: string;

  constructor(libc: Libc, stateDirectory: string) {
    this.#libc = libc;
    this.#path = `${stateDirectory}/qga.guard`;
  }

  /**
   * For the guard: makes the file and locks it until what is given back is disposed of. While another
   * guard watches, it waits for its end.
   *
   * @throws LibcError when the state directory is missing or cannot be written
   */
  async hold(): Promise<Disposable> {
    const flags = OpenFlag.RDWR | OpenFlag.CREAT | OpenFlag.CLOEXEC;
    const fd = this.#libc.check(
      this.#libc.file.open(cString(this.#path), flags, 0o600),
      `open ${this.#path}`,
    );
    await this.#lock(fd, LOCK_EX);
    return { [Symbol.dispose]: () => void this.#libc.file.close(fd) };
  }

  /** Whether a guard watches now. */
  isHeld(): boolean {
    const fd = this.#open();
    if (fd === undefined) return false;
    try {
      const { flock } = this.#libc.process;
      const outcome = this.#libc.outcome(() => flock(fd, LOCK_SH | LOCK_NB), [Errno.EAGAIN]);
      return outcome === -Errno.EAGAIN;
    } finally {
      this.#libc.file.close(fd);
    }
  }

  /**
   * Waits until no guard watches. It takes a thread of Deno's pool until then, and no CPU.
   *
   * @throws Error when the kernel refuses
   */
  async released(): Promise<void> {
    const fd = this.#open();
    if (fd === undefined) return;
    try {
      await this.#lock(fd, LOCK_SH);
    } finally {
      this.#libc.file.close(fd);
    }
  }

  async #lock(fd: number, operation: number): Promise<void> {
    const { flock } = this.#libc.bind(WAIT_SYMBOLS);
    if (await flock(fd, operation) < 0) throw new Error(`the kernel does not lock ${this.#path}`);
  }

  #open(): number | undefined {
    const fd = this.#libc.file.open(cString(this.#path), OpenFlag.RDONLY | OpenFlag.CLOEXEC, 0);
    return fd < 0 ? undefined : fd;
  }
}
