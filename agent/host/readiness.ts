import type { Libc } from "./libc.ts";

const EPOLL_CLOEXEC = 0o2000000;
const EFD_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_MOD = 3;
const EPOLLIN = 0x001;
const EPOLLOUT = 0x004;
const EPOLLHUP = 0x010;
const EPOLLET = 0x8000_0000;
const POLLHUP = 0x010;
const MAXIMUM_EVENTS = 4;

// struct epoll_event is packed on x86-64 only.
const PACKED = Deno.build.arch === "x86_64";
const EVENT_SIZE = PACKED ? 12 : 16;
const DATA_OFFSET = PACKED ? 4 : 8;

/** What an edge told: who waits for reading or writing tries again after either. */
export interface Edge {
  /** The other side has hung up. */
  readonly hangup: boolean;
  /** There is something to read, be it the end of the input. */
  readonly input: boolean;
}

/**
 * Waits for changes of one file descriptor with edge-triggered epoll(7), so that a port whose host is
 * away costs nothing. An eventfd ends the wait.
 */
export class Readiness implements Disposable {
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #epoll: number;
  readonly #wake: number;
  readonly #events = new Uint8Array(MAXIMUM_EVENTS * EVENT_SIZE);
  #stopped = false;

  /**
   * Watches `fd`, which must be nonblocking, for input and hang-ups. The descriptor stays its owner's.
   *
   * @throws LibcError when the kernel refuses, for example at the limit of open files
   */
  constructor(libc: Libc, fd: number) {
    this.#libc = libc;
    this.#fd = fd;
    const { epoll_create1, eventfd } = libc.event;
    this.#epoll = libc.check(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    this.#wake = libc.check(eventfd(0, EFD_CLOEXEC), "eventfd");
    this.#control(EPOLL_CTL_ADD, fd, (EPOLLIN | EPOLLET) >>> 0);
    this.#control(EPOLL_CTL_ADD, this.#wake, EPOLLIN);
  }

  /**
   * Says whether the descriptor's becoming writable is an edge, too. Switching it on makes an edge at
   * once when it is writable already.
   */
  watchWritable(on: boolean): void {
    this.#control(EPOLL_CTL_MOD, this.#fd, (EPOLLIN | EPOLLET | (on ? EPOLLOUT : 0)) >>> 0);
  }

  /** Whether the other side is away now (poll(2) says POLLHUP). */
  isHungUp(): boolean {
    const request = new Uint8Array(8);
    new DataView(request.buffer).setInt32(0, this.#fd, true);
    this.#libc.check(this.#libc.event.poll(request, 1n, 0), "poll");
    return (new DataView(request.buffer).getUint16(6, true) & POLLHUP) !== 0;
  }

  /** The edges as they come, until `stop`. */
  async *edges(): AsyncGenerator<Edge, void, undefined> {
    const view = new DataView(this.#events.buffer);
    while (!this.#stopped) {
      const count = await this.#libc.event.epoll_wait(
        this.#epoll,
        this.#events,
        MAXIMUM_EVENTS,
        -1,
      );
      // A negative count is EINTR: the only error that a valid epoll descriptor can give.
      for (let index = 0; index < count; index++) {
        const offset = index * EVENT_SIZE;
        if (view.getInt32(offset + DATA_OFFSET, true) !== this.#fd) continue;
        const events = view.getUint32(offset, true);
        yield { hangup: (events & EPOLLHUP) !== 0, input: (events & EPOLLIN) !== 0 };
      }
    }
  }

  /** Ends `edges`. */
  stop(): void {
    this.#stopped = true;
    const one = new Uint8Array(8);
    one[0] = 1;
    this.#libc.check(this.#libc.file.write(this.#wake, one, 8n), "write to eventfd");
  }

  /** Gives the descriptors back; `edges` must have ended. */
  [Symbol.dispose](): void {
    this.#libc.file.close(this.#epoll);
    this.#libc.file.close(this.#wake);
  }

  #control(operation: number, fd: number, events: number): void {
    const event = new Uint8Array(EVENT_SIZE);
    const view = new DataView(event.buffer);
    view.setUint32(0, events, true);
    view.setInt32(DATA_OFFSET, fd, true);
    this.#libc.check(this.#libc.event.epoll_ctl(this.#epoll, operation, fd, event), "epoll_ctl");
  }
}
