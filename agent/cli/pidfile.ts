import { cString, Errno, type Libc } from "../host/libc.ts";

const O_RDWR_CREAT_CLOEXEC = 0o2 | 0o100 | 0o2000000;
const LOCK_EX_NB = 2 | 4;

/** A pid file that cannot be used; the message says whose it is. */
export class PidfileError extends Error {
  override readonly name = "PidfileError";
}

/** A file with the process ID in it, locked as long as the process lives (flock(2)). */
export class Pidfile implements Disposable {
  readonly #libc: Libc;
  readonly #path: string;
  readonly #fd: number;

  /** @throws PidfileError when another process holds it, or it cannot be written */
  constructor(libc: Libc, path: string) {
    this.#libc = libc;
    this.#path = path;
    this.#fd = libc.file.open(cString(path), O_RDWR_CREAT_CLOEXEC, 0o644);
    if (this.#fd < 0) {
      throw new PidfileError(libc.lastError(`cannot use the pid file ${path}`).message);
    }
    if (libc.process.flock(this.#fd, LOCK_EX_NB) < 0) {
      const error = libc.lastError(`cannot lock the pid file ${path}`);
      libc.file.close(this.#fd);
      if (error.errno !== Errno.EAGAIN) throw new PidfileError(error.message);
      throw new PidfileError(
        `another agent is running: it holds the pid file ${path}; stop it or choose another --pidfile`,
      );
    }
    Deno.writeTextFileSync(path, `${Deno.pid}\n`);
  }

  /** Removes the file and gives the lock back. */
  [Symbol.dispose](): void {
    Deno.removeSync(this.#path);
    this.#libc.file.close(this.#fd);
  }
}
