import { cString, Errno, type Libc, LibcError, OpenFlag } from "../linux/libc.ts";
import { DescriptorReadiness } from "../linux/descriptor_readiness.ts";
import { LONG_COMMAND_MS, type Session } from "./channel.ts";
import { NextRequest } from "./next_request.ts";

const READ_SIZE = 64 * 1024;
const READ_LENGTH = BigInt(READ_SIZE);
// virtio_console reports an arrival on another queue than that of the data, from a work queue: on a
// busy machine a newcomer's request can be read while the port still says that nobody is there.
const ARRIVAL_MS = 50;
// virtio_console wakes its readers before an unplugged port begins to fail, and never again.
const LOOK_AGAIN_MS = [50, 1_000];

const READ_ERRORS: readonly number[] = [Errno.EAGAIN, Errno.EINTR, Errno.EIO];
const WRITE_ERRORS: readonly number[] = [...READ_ERRORS, Errno.EPIPE];
/** What keeps a device from being used now, and not for good. */
const OPEN_ERRORS: readonly number[] = [Errno.EBUSY, Errno.ENOENT, Errno.ENODEV, Errno.ENXIO];

/** Opens a character device for a channel: read-write, nonblocking, not as controlling terminal. */
export function openDevice(libc: Libc, path: string): number {
  const flags = OpenFlag.RDWR | OpenFlag.NOCTTY | OpenFlag.NONBLOCK | OpenFlag.CLOEXEC;
  const fd = libc.outcome(() => libc.file.open(cString(path), flags, 0), OPEN_ERRORS);
  if (fd < 0) throw libc.errorOf(-fd, `open ${path}`);
  return fd;
}

/**
 * An open character device that a hypervisor talks on, and that stays open while hypervisors come and
 * go: a virtio-serial port, the master of a pseudo-terminal, a serial line.
 *
 * The kernel does not tell who is on the other side, only that nobody is: read(2) gives 0 (EIO on a
 * pty). Each time that is seen counts as the end of a session, and a reply of an ended session is
 * dropped instead of reaching the next client.
 */
export class DeviceFile implements AsyncDisposable {
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #path: string;
  readonly #readiness: DescriptorReadiness;
  readonly #nextRequest: NextRequest;
  readonly #buffer = new Uint8Array(READ_SIZE);
  readonly #readOnce = (): number => this.#libc.frequent.read(this.#fd, this.#buffer, READ_LENGTH);
  #listening: Promise<void> | undefined;
  #listenSoon: ReturnType<typeof setTimeout> | undefined;
  #waiters: (() => void)[] = [];
  #timers: ReturnType<typeof setTimeout>[] = [];
  #edgeCount = 0;
  #readCount = 0;
  #connected = false;
  #early: Uint8Array | undefined;
  #generation = 0;
  #closed = false;
  #failure: LibcError | undefined;

  /**
   * Takes over an open, nonblocking descriptor and closes it in the end.
   *
   * @param path what to call the device in errors
   */
  constructor(libc: Libc, fd: number, path: string) {
    this.#libc = libc;
    this.#fd = fd;
    this.#path = path;
    this.#readiness = new DescriptorReadiness(libc, fd);
    this.#nextRequest = new NextRequest(this.#readiness);
  }

  /**
   * The sessions of this device, each from the first bytes of a client to its departure. They end when
   * the device is disposed of.
   *
   * @throws LibcError when the device fails, ENODEV above all: it was unplugged
   */
  async *sessions(): AsyncGenerator<Session, void, undefined> {
    for (;;) {
      const first = await this.#readFirst();
      if (first === undefined) return;
      const generation = this.#generation;
      let early: Uint8Array | undefined = first;
      yield {
        client: this.#path,
        read: () => {
          if (early === undefined) return this.#readInSession(generation);
          const bytes = early;
          early = undefined;
          return Promise.resolve(bytes);
        },
        takesReply: () => !this.#closed && this.#generation === generation,
        write: (bytes) => this.#write(bytes, generation),
      };
    }
  }

  /** Ends the sessions and closes the device. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#readiness.stop();
    this.#wakeAll();
    await this.#listening;
    // Not before: an edge that was still under way sets them.
    for (const timer of this.#timers) clearTimeout(timer);
    clearTimeout(this.#listenSoon);
    this.#readiness[Symbol.dispose]();
    this.#libc.file.close(this.#fd);
  }

  /** The first bytes after nobody was there; undefined when the device is disposed of. */
  async #readFirst(): Promise<Uint8Array | undefined> {
    while (!this.#closed) {
      if (this.#failure !== undefined) throw this.#failure;
      const edges = this.#edgeCount;
      const bytes = this.#early ?? this.#tryRead();
      if (bytes instanceof Uint8Array) {
        this.#early = undefined;
        this.#connected = true;
        return bytes;
      }
      await this.#edgeAfter(edges);
    }
    return undefined;
  }

  /** The next bytes of the session, or undefined at its end. */
  async #readInSession(generation: number): Promise<Uint8Array | undefined> {
    while (!this.#closed) {
      const edges = this.#edgeCount;
      const ended = this.#generation !== generation;
      // After a hang-up that is over already, what can be read is the next client's.
      if (ended && !this.#readiness.isHungUp()) return undefined;
      const bytes = this.#tryRead();
      if (bytes instanceof Uint8Array) {
        if (!ended || !await this.#somebodyArrives()) return bytes;
        this.#early = bytes;
        return undefined;
      }
      if (bytes === "away") {
        this.#endSession();
        return undefined;
      }
      if (ended) return undefined;
      if (!this.#nextRequest.lookAgain()) await this.#edgeAfter(edges);
    }
    return undefined;
  }

  /** Whether the other side is there again, or will be in a moment. */
  async #somebodyArrives(): Promise<boolean> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#countEdge();
    }, ARRIVAL_MS);
    while (!late && !this.#closed && this.#readiness.isHungUp()) {
      await this.#edgeAfter(this.#edgeCount);
    }
    clearTimeout(timer);
    return !this.#closed && !this.#readiness.isHungUp();
  }

  async #write(bytes: Uint8Array, generation: number): Promise<boolean> {
    let offset = 0;
    let waiting = false;
    try {
      while (offset < bytes.length) {
        if (this.#closed || this.#generation !== generation) return false;
        const edges = this.#edgeCount;
        const rest = bytes.subarray(offset) as Uint8Array<ArrayBuffer>;
        const count = this.#libc.outcome(
          () => this.#libc.frequent.write(this.#fd, rest, BigInt(rest.length)),
          WRITE_ERRORS,
        );
        if (count >= 0) {
          offset += count;
          continue;
        }
        if (count === -Errno.EIO || count === -Errno.EPIPE) return false;
        if (count !== -Errno.EAGAIN && count !== -Errno.EINTR) {
          this.#fail(this.#libc.errorOf(-count, `write to ${this.#path}`));
          return false;
        }
        if (this.#readiness.isHungUp()) {
          this.#endSession();
          return false;
        }
        if (!waiting) this.#readiness.watchWritable(true);
        waiting = true;
        await this.#edgeAfter(edges);
      }
      this.#nextRequest.answered();
      return true;
    } finally {
      if (waiting && !this.#closed) this.#readiness.watchWritable(false);
    }
  }

  /** `away`: nobody is on the other side; `nothing`: somebody may be, but has sent nothing. */
  #tryRead(): Uint8Array | "away" | "nothing" {
    if (this.#failure !== undefined) return "away";
    const count = this.#libc.outcome(this.#readOnce, READ_ERRORS);
    if (count > 0) {
      this.#readCount++;
      this.#listenSoon ??= setTimeout(() => {
        this.#listenSoon = undefined;
        this.#listen();
      }, LONG_COMMAND_MS);
      return this.#buffer.subarray(0, count);
    }
    if (count === 0) return "away";
    // Each request ends in an EAGAIN here, for which no error is made.
    if (count === -Errno.EAGAIN || count === -Errno.EINTR) return "nothing";
    if (count === -Errno.EIO) return "away";
    this.#fail(this.#libc.errorOf(-count, `read from ${this.#path}`));
    return "away";
  }

  /** Ends the session; `sessions` throws the error when it is asked for the next one. */
  #fail(error: LibcError): void {
    this.#failure = error;
    this.#endSession();
  }

  #endSession(): void {
    if (!this.#connected) return;
    this.#connected = false;
    this.#generation++;
  }

  /** Waits for the next edge, if nobody does. */
  #listen(): void {
    if (!this.#closed) this.#listening ??= this.#takeEdge();
  }

  /**
   * Takes one edge; also while a command runs and nobody reads, for the sake of hang-ups. An edge
   * takes its time to get here: a read may have seen that hang-up first, and may have read bytes of
   * the next client already. Then the session continues, for it is the next client's.
   */
  async #takeEdge(): Promise<void> {
    const generation = this.#generation;
    const reads = this.#readCount;
    const edge = await this.#readiness.edge();
    this.#listening = undefined;
    this.#nextRequest.othersHadTheirTurn();
    if (edge === undefined) return;
    if (edge.hangup && this.#generation === generation) {
      if (this.#readCount === reads || this.#readiness.isHungUp()) this.#endSession();
    }
    this.#countEdge();
    // A port whose host is away has input, namely its end; an unplugged one has not.
    if (edge.hangup && !edge.input) this.#lookAgain();
  }

  #lookAgain(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers = LOOK_AGAIN_MS.map((delay) => setTimeout(() => this.#countEdge(), delay));
  }

  #countEdge(): void {
    this.#edgeCount++;
    this.#wakeAll();
  }

  #edgeAfter(count: number): Promise<void> {
    if (this.#edgeCount !== count || this.#closed) return Promise.resolve();
    this.#listen();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  #wakeAll(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
  }
}
