import { cString, Libc } from "../agent/linux/libc.ts";

const SYMBOLS = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
// struct sockaddr_un.
const ADDRESS_SIZE = 110;
const PATH_OFFSET = 2;
const NEWLINE = 0x0a;

/**
 * A client on an agent's unix socket that blocks until it has its answer, whose bytes it only counts: an
 * answer of megabytes would take an event loop longer to read than the agent to write.
 */
export class BlockingClient implements Disposable {
  readonly #libc = new Libc();
  readonly #fd: number;
  readonly #buffer = new Uint8Array(1024 * 1024);

  /** @throws LibcError if nobody listens there */
  constructor(path: string) {
    const { socket, connect } = this.#libc.bind(SYMBOLS);
    this.#fd = this.#libc.check(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    const address = new Uint8Array(ADDRESS_SIZE);
    address[0] = AF_UNIX;
    address.set(cString(path), PATH_OFFSET);
    this.#libc.check(connect(this.#fd, address, ADDRESS_SIZE), `connect to ${path}`);
  }

  /** Runs a command without arguments. The text is the answer's first kilobyte. */
  ask(command: string): { readonly milliseconds: number; readonly text: string } {
    return this.exchange(new TextEncoder().encode(`{"execute":"${command}"}\n`));
  }

  /** Sends a request and waits for its answer. The agent must read the whole of it before it answers. */
  exchange(request: Uint8Array<ArrayBuffer>): {
    readonly milliseconds: number;
    readonly text: string;
  } {
    const { read, write } = this.#libc.frequent;
    const start = performance.now();
    for (let sent = 0; sent < request.length;) {
      const rest = request.subarray(sent);
      sent += this.#libc.check(write(this.#fd, rest, BigInt(rest.length)), "write");
    }
    let text: string | undefined;
    for (;;) {
      const length = read(this.#fd, this.#buffer, BigInt(this.#buffer.length));
      if (this.#libc.check(length, "read") === 0) {
        throw new Error("the agent closed the connection");
      }
      text ??= new TextDecoder("latin1").decode(this.#buffer.subarray(0, Math.min(length, 1024)));
      if (this.#buffer[length - 1] === NEWLINE) break;
    }
    return { milliseconds: performance.now() - start, text };
  }

  [Symbol.dispose](): void {
    this.#libc.file.close(this.#fd);
    this.#libc[Symbol.dispose]();
  }
}
