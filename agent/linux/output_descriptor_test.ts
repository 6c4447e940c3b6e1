import assert from "node:assert/strict";
import { cString, Libc, OpenFlag } from "./libc.ts";
import { OutputDescriptor } from "./output_descriptor.ts";

const PIPE_SYMBOLS = {
  pipe: { parameters: ["buffer"], result: "i32" },
  socketpair: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

const F_GETFL = 3;
const AF_UNIX = 1;
const SOCK_STREAM = 1;

/** The C library of a user who may not open what others have made. */
class StrangersLibc extends Libc {
  override get file(): Libc["file"] {
    return { ...super.file, open: () => -1 };
  }
}

/** Both ends of a pipe or a pair of sockets, closed at the end. */
class Ends implements Disposable {
  readonly reader: number;
  readonly writer: number;
  readonly #libc: Libc;
  readonly #open = new Set<number>();

  constructor(libc: Libc, kind: "pipe" | "socket") {
    this.#libc = libc;
    const ends = new Int32Array(2);
    const { pipe, socketpair } = libc.bind(PIPE_SYMBOLS);
    libc.check(
      kind === "pipe" ? pipe(ends) : socketpair(AF_UNIX, SOCK_STREAM, 0, ends),
      kind,
    );
    const [reader = -1, writer = -1] = ends;
    this.reader = reader;
    this.writer = writer;
    for (const fd of ends) this.#open.add(fd);
  }

  read(): number {
    return this.#libc.file.read(this.reader, new Uint8Array(1 << 20), 1n << 20n);
  }

  close(fd: number): void {
    if (this.#open.delete(fd)) this.#libc.file.close(fd);
  }

  [Symbol.dispose](): void {
    for (const fd of this.#open) this.close(fd);
  }
}

for (
  const [name, kind, makeLibc] of [
    ["a pipe", "pipe", () => new Libc()],
    ["a pipe of another user", "pipe", () => new StrangersLibc()],
    ["a socket", "socket", () => new Libc()],
  ] as const
) {
  Deno.test(`${name} whose reader stalls, then reads on, then leaves: no write waits`, () => {
    using libc = makeLibc();
    using ends = new Ends(libc, kind);
    const flags = () => libc.bind(PIPE_SYMBOLS).fcntl(ends.writer, F_GETFL, 0);
    const flagsBefore = flags();
    using output = OutputDescriptor.shared(libc, ends.writer);
    const bytes = new Uint8Array(10_000);
    let written = 0;
    let result = output.write(bytes);
    for (; typeof result === "number"; result = output.write(bytes)) {
      assert.ok(result > 0);
      written += result;
    }
    assert.deepEqual(result, { reason: "its reader is too slow", passes: true });
    assert.ok(written >= 64 * 1024 - 10_000, `${written}`);
    assert.ok(ends.read() > 0);
    assert.equal(output.write(new Uint8Array(100)), 100);
    ends.close(ends.reader);
    const gone = output.write(bytes);
    assert.ok(typeof gone === "object" && !gone.passes, JSON.stringify(gone));
    assert.equal(flags(), flagsBefore, "the others' flags are as they were");
  });
}

Deno.test("a file shared with others is written to at its own place", async () => {
  using libc = new Libc();
  const path = await Deno.makeTempFile();
  await Deno.writeTextFile(path, "0123456789");
  const fd = libc.file.open(cString(path), OpenFlag.WRONLY, 0);
  {
    using output = OutputDescriptor.shared(libc, fd);
    assert.equal(output.write(new TextEncoder().encode("ab")), 2);
    libc.file.write(fd, new TextEncoder().encode("c"), 1n);
  }
  libc.file.close(fd);
  assert.equal(await Deno.readTextFile(path), "abc3456789");
  await Deno.remove(path);
});

Deno.test("a disk that is full is a failure that passes, a closed descriptor one that does not", () => {
  using libc = new Libc();
  using full = OutputDescriptor.appendTo(libc, "/dev/full");
  assert.deepEqual(full.write(new Uint8Array(1)), {
    reason: "No space left on device",
    passes: true,
  });
  using closed = OutputDescriptor.shared(libc, 987_654);
  assert.deepEqual(closed.write(new Uint8Array(1)), {
    reason: "Bad file descriptor",
    passes: false,
  });
});

Deno.test("a log file is made when it is not there, and appended to", async () => {
  using libc = new Libc();
  const directory = await Deno.makeTempDir();
  for (const text of ["a\n", "b\n"]) {
    using output = OutputDescriptor.appendTo(libc, `${directory}/log`);
    assert.equal(output.write(new TextEncoder().encode(text)), 2);
  }
  assert.equal(await Deno.readTextFile(`${directory}/log`), "a\nb\n");
  assert.throws(
    () => OutputDescriptor.appendTo(libc, `${directory}/none/log`),
    /No such file or directory/,
  );
  await Deno.remove(directory, { recursive: true });
});
