import { Errno, type Libc } from "../linux/libc.ts";
import { DescriptorReadiness } from "../linux/descriptor_readiness.ts";
import type { Session } from "./channel.ts";
import { NextRequest } from "./next_request.ts";

const READ_SIZE = 64 * 1024;
const READ_LENGTH = BigInt(READ_SIZE);
const EXPECTED_ERRORS: readonly number[] = [Errno.EAGAIN, Errno.EPIPE, Errno.ECONNRESET];

/** A client's connection to a socket of the agent, and its session. */
export class SocketConnection implements Session, AsyncDisposable {
  readonly client: string;
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #readiness: DescriptorReadiness;
  readonly #nextRequest: NextRequest;
  readonly #buffer = new Uint8Array(READ_SIZE);
  readonly #readOnce = (): number => this.#libc.frequent.read(this.#fd, this.#buffer, READ_LENGTH);
  #waiting: Promise<void> | undefined;
  #closed = false;

  /**
   * Takes over a connected, nonblocking descriptor and closes it in the end.
   *
   * @param client what to call the client in the log
   */
  constructor(libc: Libc, fd: number, client: string) {
    this.client = client;
    this.#libc = libc;
    this.#fd = fd;
    this.#readiness = new DescriptorReadiness(libc, fd);
    this.#nextRequest = new NextRequest(this.#readiness);
  }

  /** See `Session`. */
  async read(): Promise<Uint8Array | undefined> {
    while (!this.#closed) {
      const count = this.#libc.outcome(this.#readOnce, EXPECTED_ERRORS);
      if (count > 0) return this.#buffer.subarray(0, count);
      // The client has left, or the connection has failed, which is the same.
      if (count !== -Errno.EAGAIN) return undefined;
      if (!this.#nextRequest.lookAgain()) await this.#change();
    }
    return undefined;
  }

  /** See `Session`. */
  takesReply(): boolean {
    return !this.#closed && !this.#readiness.isHungUp();
  }

  /** See `Session`. */
  async write(bytes: Uint8Array): Promise<boolean> {
    let offset = 0;
    let waiting = false;
    try {
      while (!this.#closed) {
        const rest = bytes.subarray(offset) as Uint8Array<ArrayBuffer>;
        const count = this.#libc.outcome(
          () => this.#libc.frequent.write(this.#fd, rest, BigInt(rest.length)),
          EXPECTED_ERRORS,
        );
        if (count >= 0) {
          offset += count;
          if (offset < bytes.length) continue;
          this.#nextRequest.answered();
          return true;
        }
        if (count !== -Errno.EAGAIN) return false;
        if (!waiting) this.#readiness.watchWritable(true);
        waiting = true;
        await this.#change();
      }
      return false;
    } finally {
      if (waiting && !this.#closed) this.#readiness.watchWritable(false);
    }
  }

  /** Ends a pending `read` or `write` and closes the connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#readiness.stop();
    await this.#waiting;
    this.#readiness[Symbol.dispose]();
    this.#libc.file.close(this.#fd);
  }

  /** A `read` and a `write` may wait at the same time. */
  async #change(): Promise<void> {
    this.#waiting ??= this.#nextEdge();
    await this.#waiting;
  }

  async #nextEdge(): Promise<void> {
    await this.#readiness.edge();
    this.#waiting = undefined;
    this.#nextRequest.othersHadTheirTurn();
  }
}
