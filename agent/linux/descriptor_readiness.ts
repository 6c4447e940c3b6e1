import { Epoll, EpollEvent } from "./epoll.ts";
import type { Libc } from "./libc.ts";
import { Poll, PollEvent } from "./poll.ts";

const INPUT = EpollEvent.IN | EpollEvent.EDGE_TRIGGERED;

/** What an edge told: whatever waits for reading or writing tries again after either. */
export interface Edge {
  /** The other side has hung up. */
  readonly hangup: boolean;
  /** There is something to read, be it the end of the input. */
  readonly input: boolean;
}

/**
 * Waits for changes of one file descriptor with edge-triggered epoll(7), so that a port whose host is
 * away costs nothing.
 */
export class DescriptorReadiness implements Disposable {
  readonly #fd: number;
  readonly #poll: Poll;
  readonly #epoll: Epoll;

  /**
   * Watches `fd`, which must be nonblocking, for input and hang-ups. The descriptor stays its owner's.
   *
   * @throws LibcError when the kernel refuses, for example at the limit of open files
   */
  constructor(libc: Libc, fd: number) {
    this.#fd = fd;
    this.#poll = new Poll(libc, fd);
    this.#epoll = new Epoll(libc);
    this.#epoll.add(fd, INPUT);
  }

  /**
   * Says whether the descriptor's becoming writable is an edge, too. Switching it on makes an edge at
   * once when it is writable already.
   */
  watchWritable(on: boolean): void {
    this.#epoll.modify(this.#fd, INPUT | (on ? EpollEvent.OUT : 0));
  }

  /** Whether the other side is away now. */
  isHungUp(): boolean {
    return (this.#poll.events(0, 0) & PollEvent.HUP) !== 0;
  }

  /**
   * Blocks the thread until there is something to read or the other side hangs up, `milliseconds` at
   * most; whether that is so.
   */
  blockForInput(milliseconds: number): boolean {
    return this.#poll.events(PollEvent.IN, milliseconds) !== 0;
  }

  /** Waits for the next edge, one call at a time; undefined after `stop`. */
  async edge(): Promise<Edge | undefined> {
    for (;;) {
      const waited = await this.#epoll.wait();
      if (waited === undefined) return undefined;
      // There is one descriptor, and so one event at most.
      const [event] = waited;
      if (event === undefined) continue;
      return {
        hangup: (event.events & EpollEvent.HUP) !== 0,
        input: (event.events & EpollEvent.IN) !== 0,
      };
    }
  }

  /** Ends `edge`. */
  stop(): void {
    this.#epoll.stop();
  }

  /** Gives the descriptors back; `edge` must have ended. */
  [Symbol.dispose](): void {
    this.#epoll[Symbol.dispose]();
  }
}
