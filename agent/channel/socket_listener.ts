import type { Libc } from "../linux/libc.ts";
import { ListeningSocket } from "../linux/listening_socket.ts";
import { DescriptorReadiness } from "../linux/descriptor_readiness.ts";
import type { Channel, Session } from "./channel.ts";
import { SocketConnection } from "./socket_connection.ts";

/**
 * A channel on a listening socket. It serves one client at a time, as qemu-ga does: the next waits
 * until the first has closed its connection.
 */
export class SocketListener implements Channel {
  readonly #libc: Libc;
  readonly #socket: ListeningSocket;
  readonly #readiness: DescriptorReadiness;
  readonly #client: string;
  readonly #cleanUp: () => void;
  #connection: SocketConnection | undefined;
  #waiting: Promise<unknown> | undefined;
  #closed = false;

  /**
   * @param socket takes connections; it is closed with the channel
   * @param client what to call a client in the log
   * @param cleanUp runs when the channel is disposed of
   */
  constructor(libc: Libc, socket: ListeningSocket, client: string, cleanUp: () => void = () => {}) {
    this.#libc = libc;
    this.#socket = socket;
    this.#readiness = new DescriptorReadiness(libc, socket.fd);
    this.#client = client;
    this.#cleanUp = cleanUp;
  }

  /** See `Channel`. */
  async *sessions(): AsyncGenerator<Session, void, undefined> {
    while (!this.#closed) {
      const fd = this.#socket.accept();
      if (fd === undefined) {
        this.#waiting = this.#readiness.edge();
        await this.#waiting;
        continue;
      }
      await using connection = new SocketConnection(this.#libc, fd, this.#client);
      this.#connection = connection;
      yield connection;
    }
  }

  /** Closes the socket and the connection. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#cleanUp();
    await this.#connection?.[Symbol.asyncDispose]();
    this.#readiness.stop();
    await this.#waiting;
    this.#readiness[Symbol.dispose]();
    this.#socket[Symbol.dispose]();
  }
}
