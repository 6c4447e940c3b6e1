import type { Libc } from "./libc.ts";

const EPOLL_CLOEXEC = 0o2000000;
const EFD_CLOEXEC = 0o2000000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;
const MAXIMUM_EVENTS = 16;

// struct epoll_event is packed on x86-64 only.
const PACKED = Deno.build.arch === "x86_64";
const EVENT_SIZE = PACKED ? 12 : 16;
const DATA_OFFSET = PACKED ? 4 : 8;

/** Events of epoll(7), and what they are asked for with. */
export const EpollEvent = {
  IN: 0x001,
  OUT: 0x004,
  HUP: 0x010,
  EDGE_TRIGGERED: 0x8000_0000,
} as const;

/** What happened to a file descriptor. */
export interface FileEvent {
  readonly fd: number;
  /** Bits of `EpollEvent`. */
  readonly events: number;
}

/**
 * Waits for events of file descriptors with epoll(7), on one thread of Deno's pool for all of them.
 * An eventfd ends the wait.
 */
export class Epoll implements Disposable {
  readonly #libc: Libc;
  readonly #epoll: number;
  readonly #wake: number;
  readonly #buffer = new Uint8Array(MAXIMUM_EVENTS * EVENT_SIZE);
  readonly #view = new DataView(this.#buffer.buffer);
  #stopped = false;

  /** @throws LibcError when the kernel refuses, for example at the limit of open files */
  constructor(libc: Libc) {
    this.#libc = libc;
    const { epoll_create1, eventfd } = libc.event;
    this.#epoll = libc.check(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    this.#wake = libc.check(eventfd(0, EFD_CLOEXEC), "eventfd");
    this.add(this.#wake, EpollEvent.IN);
  }

  /**
   * Watches a descriptor, which stays its owner's, for `events`, and for hang-ups and errors in any case.
   *
   * @throws LibcError when the kernel refuses, for example at the limit of watches
   */
  add(fd: number, events: number): void {
    this.#control(EPOLL_CTL_ADD, fd, events);
  }

  /** Watches it for other events. */
  modify(fd: number, events: number): void {
    this.#control(EPOLL_CTL_MOD, fd, events);
  }

  /** Watches it no more; an event that is under way may still come. */
  remove(fd: number): void {
    this.#control(EPOLL_CTL_DEL, fd, 0);
  }

  /**
   * Waits for events, one call at a time; undefined after `stop`. It is a plain function and no
   * generator because it stands in the way of each request, and a generator's steps add up there.
   */
  async wait(): Promise<readonly FileEvent[] | undefined> {
    if (this.#stopped) return undefined;
    const { event } = this.#libc;
    const count = await event.epoll_wait(this.#epoll, this.#buffer, MAXIMUM_EVENTS, -1);
    const events: FileEvent[] = [];
    // A negative count is EINTR: the only error that a valid epoll descriptor can give.
    for (let index = 0; index < count; index++) {
      const offset = index * EVENT_SIZE;
      const fd = this.#view.getInt32(offset + DATA_OFFSET, true);
      if (fd !== this.#wake) events.push({ fd, events: this.#view.getUint32(offset, true) });
    }
    return events;
  }

  /** Ends `wait`. */
  stop(): void {
    this.#stopped = true;
    const one = new Uint8Array(8);
    one[0] = 1;
    this.#libc.check(this.#libc.file.write(this.#wake, one, 8n), "write to eventfd");
  }

  /** Gives the descriptors back; `wait` must have ended. */
  [Symbol.dispose](): void {
    this.#libc.file.close(this.#epoll);
    this.#libc.file.close(this.#wake);
  }

  #control(operation: number, fd: number, events: number): void {
    const event = new Uint8Array(EVENT_SIZE);
    const view = new DataView(event.buffer);
    view.setUint32(0, events >>> 0, true);
    view.setInt32(DATA_OFFSET, fd, true);
    this.#libc.check(this.#libc.event.epoll_ctl(this.#epoll, operation, fd, event), "epoll_ctl");
  }
}
