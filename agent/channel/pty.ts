import { type Libc, LibcError, OpenFlag } from "../linux/libc.ts";
import type { Channel, Session } from "./channel.ts";
import { DeviceFile, openDevice } from "./device_file.ts";
import { makeRaw } from "./isa_serial.ts";

/**
 * The channel on a new pseudo-terminal, for trying the agent by hand:
 * `socat - $(path of the slave),raw,echo=0`. The terminal is raw from the start.
 */
export class PtyChannel implements Channel {
  /** The path of the slave, which a client opens. */
  readonly slavePath: string;
  readonly #device: DeviceFile;

  /** @throws LibcError when no pseudo-terminal can be had */
  constructor(libc: Libc) {
    const { posix_openpt, grantpt, unlockpt, ptsname_r } = libc.pseudoTerminal;
    const flags = OpenFlag.RDWR | OpenFlag.NOCTTY | OpenFlag.NONBLOCK | OpenFlag.CLOEXEC;
    const fd = libc.check(posix_openpt(flags), "posix_openpt");
    libc.check(grantpt(fd), "grantpt");
    libc.check(unlockpt(fd), "unlockpt");
    const path = new Uint8Array(128);
    const errno = ptsname_r(fd, path, BigInt(path.length));
    if (errno !== 0) throw new LibcError("ptsname_r", errno, libc.explain(errno));
    this.slavePath = new TextDecoder().decode(path.subarray(0, path.indexOf(0)));
    const slave = openDevice(libc, this.slavePath);
    try {
      makeRaw(libc, slave, this.slavePath);
    } finally {
      libc.file.close(slave);
    }
    this.#device = new DeviceFile(libc, fd, this.slavePath);
  }

  /** See `Channel`. */
  async *sessions(): AsyncGenerator<Session, void, undefined> {
    yield* this.#device.sessions();
  }

  /** Ends the sessions and the pseudo-terminal. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#device[Symbol.asyncDispose]();
  }
}
