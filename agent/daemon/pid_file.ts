import { FaultError } from "../fault.ts";
import { fileIdentity, isSameFile } from "../linux/file_status.ts";
import { cString, Errno, type Libc, OpenFlag } from "../linux/libc.ts";

const PIDFILE_SYMBOLS = {
  ftruncate: { parameters: ["i32", "i64"], result: "i32" },
  unlink: { parameters: ["buffer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

const LOCK_EX_NB = 2 | 4;

/** A pid file that cannot be used; the message says whose it is. */
export class PidfileError extends FaultError {
  override readonly name = "PidfileError";
}

/** A file with the process ID in it, locked as long as the process lives (flock(2)). */
export class Pidfile implements Disposable {
  readonly #libc: Libc;
  readonly #path: string;
  readonly #fd: number;

  /**
   * @throws PidfileError when another process holds it, or it cannot be written, which leaves no file
   * behind
   */
  constructor(libc: Libc, path: string) {
    this.#libc = libc;
    // In the background the current directory is another one at the end.
    this.#path = path.startsWith("/") ? path : `${Deno.cwd()}/${path}`;
    this.#fd = this.#lock();
    try {
      this.#write(`${Deno.pid}\n`);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * Removes the file and gives the lock back. A file that is another one by now stays.
   *
   * @throws PidfileError when it cannot be removed
   */
  [Symbol.dispose](): void {
    try {
      if (this.#isAtPath(this.#fd)) this.#remove();
    } finally {
      this.#libc.file.close(this.#fd);
    }
  }

  /** The descriptor of the file that is at the path, locked. */
  #lock(): number {
    for (;;) {
      const fd = this.#open();
      try {
        this.#lockDescriptor(fd);
        if (fileIdentity(this.#libc, fd)?.kind !== "regular") {
          throw new PidfileError(`the pid file ${this.#path} is there, and no regular file`);
        }
      } catch (error) {
        this.#libc.file.close(fd);
        throw error;
      }
      if (this.#isAtPath(fd)) return fd;
      // Whoever held it has removed it since it was opened: a lock on it keeps nobody out.
      this.#libc.file.close(fd);
    }
  }

  #open(): number {
    const { RDWR, CREAT, CLOEXEC, NONBLOCK } = OpenFlag;
    const fd = this.#libc.outcome(
      () => this.#libc.file.open(cString(this.#path), RDWR | CREAT | CLOEXEC | NONBLOCK, 0o644),
      [],
    );
    if (fd < 0) throw this.#error(fd, "cannot use");
    return fd;
  }

  #lockDescriptor(fd: number): void {
    const { flock } = this.#libc.process;
    const result = this.#libc.outcome(() => flock(fd, LOCK_EX_NB), [Errno.EAGAIN]);
    if (result === -Errno.EAGAIN) {
      throw new PidfileError(
        `another agent is running: it holds the pid file ${this.#path}; stop it or choose another --pidfile`,
      );
    }
    if (result < 0) throw this.#error(result, "cannot lock");
  }

  #write(text: string): void {
    const { ftruncate } = this.#libc.bind(PIDFILE_SYMBOLS);
    const bytes = new TextEncoder().encode(text);
    const write = () => this.#libc.file.write(this.#fd, bytes, BigInt(bytes.length));
    const result = this.#libc.outcome(() => ftruncate(this.#fd, 0n), []);
    const written = result < 0 ? result : this.#libc.outcome(write, [Errno.ENOSPC]);
    if (written < 0) throw this.#error(written, "cannot write");
    if (written < bytes.length) throw this.#error(-Errno.ENOSPC, "cannot write");
  }

  #remove(): void {
    const { unlink } = this.#libc.bind(PIDFILE_SYMBOLS);
    const result = this.#libc.outcome(() => unlink(cString(this.#path)), [Errno.ENOENT]);
    if (result < 0 && result !== -Errno.ENOENT) throw this.#error(result, "cannot remove");
  }

  /** Whether the path leads to the file that is open. */
  #isAtPath(fd: number): boolean {
    const [open, found] = [fileIdentity(this.#libc, fd), fileIdentity(this.#libc, this.#path)];
    return open !== undefined && found !== undefined && isSameFile(open, found);
  }

  /** The error of a call that gave minus its errno. */
  #error(result: number, what: string): PidfileError {
    return new PidfileError(
      this.#libc.errorOf(-result, `${what} the pid file ${this.#path}`).message,
    );
  }
}
