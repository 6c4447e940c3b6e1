import assert from "node:assert/strict";
import fc from "fast-check";
import { silentLog } from "../log/log.ts";
import { checkProperty } from "../../tests/harness/property.ts";
import { LogRecorder } from "../../tests/harness/log_recorder.ts";
import { TemporaryDirectory } from "../../tests/harness/temporary_directory.ts";
import { type GuestFile, GuestFileError, GuestFiles, Whence } from "./files.ts";
import { HandleNumbers } from "./handle_numbers.ts";
import { Libc } from "../linux/libc.ts";

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** A root of files of its own, and the agent's open files in it. */
class Fixture implements AsyncDisposable {
  readonly log = new LogRecorder();
  readonly files: GuestFiles;
  readonly root: string;
  readonly #libc = new Libc();
  readonly #directory: TemporaryDirectory;

  private constructor(directory: TemporaryDirectory, limits: { readBytes?: number }) {
    this.#directory = directory;
    this.root = `${directory.path}/root`;
    this.files = new GuestFiles({
      libc: this.#libc,
      root: this.root,
      numbers: new HandleNumbers(directory.path),
      log: this.log,
      ...limits,
    });
  }

  static async create(limits: { readBytes?: number } = {}): Promise<Fixture> {
    const directory = await TemporaryDirectory.create();
    await Deno.mkdir(`${directory.path}/root/etc`, { recursive: true });
    return new Fixture(directory, limits);
  }

  async write(path: string, text: string): Promise<void> {
    await Deno.writeTextFile(`${this.root}${path}`, text);
  }

  read(path: string): string {
    return Deno.readTextFileSync(`${this.root}${path}`);
  }

  open(path: string, mode = "r"): GuestFile {
    return this.find(this.files.open(path, mode));
  }

  find(handle: bigint): GuestFile {
    const file = this.files.find(handle);
    assert.ok(file !== undefined);
    return file;
  }

  async makeFifo(path: string): Promise<void> {
    const { success } = await new Deno.Command("mkfifo", { args: [`${this.root}${path}`] })
      .output();
    assert.ok(success);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.files[Symbol.dispose]();
    this.#libc[Symbol.dispose]();
    await this.#directory[Symbol.asyncDispose]();
  }
}

Deno.test("each mode of fopen(3) does what it says", async () => {
  await using fixture = await Fixture.create();
  const cases: [string, { reads: string | RegExp; writes: boolean; content: string }][] = [
    ["r", { reads: "hel", writes: false, content: "hello" }],
    ["w", { reads: /Bad file descriptor/, writes: true, content: "XY" }],
    ["a", { reads: /Bad file descriptor/, writes: true, content: "helloXY" }],
    ["r+", { reads: "hel", writes: true, content: "helXY" }],
    ["w+", { reads: "", writes: true, content: "XY" }],
    ["a+", { reads: "hel", writes: true, content: "helloXY" }],
  ];
  for (const [mode, { reads, writes, content }] of cases) {
    const spellings = mode.endsWith("+")
      ? [mode, `${mode[0]}b+`, `${mode[0]}+b`]
      : [mode, `${mode}b`];
    for (const spelling of spellings) {
      await fixture.write("/f", "hello");
      const file = fixture.open("/f", spelling);
      if (typeof reads === "string") assert.equal(decode((await file.read(3)).bytes.bytes), reads);
      else await assert.rejects(file.read(3), reads);
      const writing = file.write(encode("XY"));
      if (writes) assert.equal(await writing, 2, spelling);
      else {await assert.rejects(writing, {
          message: "failed to write to file: Bad file descriptor",
        });}
      assert.equal(fixture.read("/f"), content, spelling);
    }
  }
  for (const mode of ["", "x", "rw", "wx", "rt", "br", "b+r", "r+b+", "R", "toString", "rbb"]) {
    assert.throws(
      () => fixture.files.open("/f", mode),
      new GuestFileError(`invalid file open mode '${mode}'`),
    );
  }
});

Deno.test("a new file is anybody's, an old one keeps its permissions", async () => {
  await using fixture = await Fixture.create();
  await fixture.write("/private", "");
  await Deno.chmod(`${fixture.root}/private`, 0o600);
  fixture.open("/private", "w");
  fixture.open("/new", "a");
  const mode = (path: string) => (Deno.statSync(`${fixture.root}${path}`).mode ?? 0) & 0o777;
  assert.equal(mode("/private"), 0o600);
  assert.equal(mode("/new"), 0o666);
});

Deno.test("where the root is the agent's own, a relative path is relative to its directory", async () => {
  await using directory = await TemporaryDirectory.create();
  using libc = new Libc();
  const files = new GuestFiles({
    libc,
    root: "/",
    numbers: new HandleNumbers(directory.path),
    log: silentLog,
  });
  await directory.write("f", "here");
  const up = Deno.cwd().replace(/\/[^/]+/g, "../").replace(/^\/$/, "");
  const path = `${up}${directory.path.slice(1)}/f`;
  using _opened = files;
  const file = files.find(files.open(path, "r"));
  assert.ok(file !== undefined);
  const { bytes } = await file.read(10);
  using _read = bytes;
  assert.equal(decode(bytes.bytes), "here");
});

Deno.test("no link and no path leads out of the root", async () => {
  await using fixture = await Fixture.create();
  await fixture.write("/etc/os-release", "talos");
  await Deno.symlink("/etc/os-release", `${fixture.root}/absolute`);
  await Deno.symlink("../../../../etc/os-release", `${fixture.root}/etc/dots`);
  for (const path of ["/absolute", "/etc/dots", "/../../etc/os-release", "etc/os-release"]) {
    assert.equal(decode((await fixture.open(path).read(10)).bytes.bytes), "talos", path);
  }
  assert.throws(() => fixture.files.open(`${fixture.root}/etc/os-release`, "r"), /No such file/);
});

Deno.test("what cannot be opened is told in C's words", async () => {
  await using fixture = await Fixture.create();
  await fixture.write("/f", "");
  await Deno.symlink("nowhere", `${fixture.root}/dangling`);
  const cases: [string, string, string][] = [
    ["/none", "r", "No such file or directory"],
    ["", "r", "No such file or directory"],
    ["/f/x", "w", "Not a directory"],
    ["/etc", "w", "Is a directory"],
    ["/dangling", "w", "No such file or directory"],
    ["/f\0x", "r", "No such file or directory"],
    [`/${"b".repeat(300)}`, "r", "File name too long"],
    [`/${"a/".repeat(2100)}`, "r", "File name too long"],
  ];
  for (const [path, mode, reason] of cases) {
    assert.throws(() => fixture.files.open(path, mode), {
      message: `failed to open file '${path}' (mode: '${mode}'): ${reason}`,
    });
  }
  assert.deepEqual(fixture.log.lines, []);
});

Deno.test("handles are numbers that are not used again, and each open is logged", async () => {
  await using fixture = await Fixture.create();
  await fixture.write("/f", "x");
  const first = fixture.files.open("/f", "r");
  assert.equal(fixture.files.close(first), true);
  assert.equal(fixture.files.close(first), false);
  assert.equal(fixture.files.find(first), undefined);
  const second = fixture.files.open("/f", "r+");
  assert.deepEqual([first, second], [1000n, 1001n]);
  assert.deepEqual(fixture.log.lines, [
    { level: "info", message: "file opened", fields: { path: "/f", mode: "r", handle: 1000n } },
    { level: "info", message: "file opened", fields: { path: "/f", mode: "r+", handle: 1001n } },
  ]);
});

Deno.test("a file is not opened, nor emptied, when its handle cannot be written down", async () => {
  await using fixture = await Fixture.create();
  await fixture.write("/f", "x");
  using libc = new Libc();
  using files = new GuestFiles({
    libc,
    root: fixture.root,
    numbers: new HandleNumbers(`${fixture.root}/none`),
    log: silentLog,
  });
  assert.throws(() => files.open("/f", "w"), {
    name: "GuestFileError",
    message: /^failed to commit persistent state to disk: .*qga\.state/,
  });
  assert.equal(fixture.read("/f"), "x");
});

Deno.test("the end of the file is told when it is met, not when it is reached", async () => {
  await using fixture = await Fixture.create();
  await fixture.write("/f", "0123456789");
  const file = fixture.open("/f");
  const read = async (count: number) => {
    const { bytes, eof } = await file.read(count);
    return [decode(bytes.bytes), eof];
  };
  assert.deepEqual(await read(4), ["0123", false]);
  assert.deepEqual(await read(6), ["456789", false]);
  assert.deepEqual(await read(0), ["", false]);
  assert.deepEqual(await read(1), ["", true]);
  assert.equal(file.seek(-3n, Whence.end), 7n);
  assert.deepEqual(await read(100), ["789", true]);
  assert.equal(file.seek(0n, Whence.cur), 10n);
  assert.equal(file.seek(2n ** 40n, Whence.set), 2n ** 40n);
  assert.deepEqual(await read(1), ["", true]);
  assert.throws(() => file.seek(-1n, Whence.set), {
    message: "failed to seek file: Invalid argument",
  });
});

Deno.test("a directory can be opened and not read", async () => {
  await using fixture = await Fixture.create();
  const directory = fixture.open("/etc");
  await assert.rejects(directory.read(10), { message: "failed to read file: Is a directory" });
  assert.equal((await directory.read(0)).bytes.length, 0);
});

Deno.test("a FIFO never blocks: what is there is read, a part is written", async () => {
  await using fixture = await Fixture.create();
  await fixture.makeFifo("/fifo");
  assert.throws(() => fixture.files.open("/fifo", "w"), /No such device or address/);
  const reader = fixture.open("/fifo");
  const unwritten = await reader.read(10);
  assert.deepEqual([unwritten.bytes.length, unwritten.eof], [0, true]);
  assert.throws(() => reader.seek(0n, Whence.set), {
    message: "failed to seek file: Illegal seek",
  });
  const handle = fixture.files.open("/fifo", "w");
  const writer = fixture.find(handle);
  await assert.rejects(reader.read(10), {
    message: "failed to read file: Resource temporarily unavailable",
  });
  await writer.write(encode("abc"));
  assert.equal(decode((await reader.read(2)).bytes.bytes), "ab");
  const { bytes, eof } = await reader.read(100);
  assert.deepEqual([decode(bytes.bytes), eof], ["c", false]);

  const written = await writer.write(new Uint8Array(1024 * 1024));
  assert.ok(written > 0 && written < 1024 * 1024);
  await assert.rejects(writer.write(encode("x")), /Resource temporarily unavailable/);
  assert.equal((await reader.read(1024 * 1024)).bytes.length, written);
  fixture.files.close(handle);
  const ended = await reader.read(10);
  assert.deepEqual([ended.bytes.length, ended.eof], [0, true]);
});

Deno.test("a read gives less than it is asked for where memory is limited, and the next continues", async () => {
  await using fixture = await Fixture.create({ readBytes: 100_000 });
  const content = "0123456789".repeat(25_000);
  await fixture.write("/f", content);
  const file = fixture.open("/f");
  const reads: [string, boolean][] = [];
  for (let count = 0; count < 3; count++) {
    const { bytes, eof } = await file.read(48 * 1024 * 1024);
    using _bytes = bytes;
    reads.push([decode(bytes.bytes), eof]);
  }
  assert.deepEqual(reads, [
    [content.slice(0, 100_000), false],
    [content.slice(100_000, 200_000), false],
    [content.slice(200_000), true],
  ]);
});

Deno.test("much is read and written in turns with other work", async () => {
  await using fixture = await Fixture.create();
  const bytes = new Uint8Array(5 * 1024 * 1024 + 7);
  for (let index = 0; index < bytes.length; index += 1009) bytes[index] = index;
  let turns = 0;
  const other = setInterval(() => turns++, 0);
  const file = fixture.open("/big", "w+");
  assert.equal(await file.write(bytes), bytes.length);
  assert.equal(file.seek(0n, Whence.set), 0n);
  const result = await file.read(48 * 1024 * 1024);
  clearInterval(other);
  assert.ok(result.bytes.bytes.every((byte, index) => byte === bytes[index]));
  assert.deepEqual([result.bytes.length, result.eof], [bytes.length, true]);
  assert.ok(turns > 0);
});

Deno.test("disposing closes what is open", async () => {
  await using fixture = await Fixture.create();
  await fixture.write("/f", "x");
  const file = fixture.open("/f");
  fixture.files[Symbol.dispose]();
  await assert.rejects(file.read(1), /Bad file descriptor/);
  assert.equal(fixture.files.find(1000n), undefined);
});

type Step =
  | { readonly kind: "read"; readonly count: number }
  | { readonly kind: "write"; readonly text: string }
  | { readonly kind: "seek"; readonly offset: number; readonly whence: keyof typeof Whence };

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant("read" as const), count: fc.nat(40) }),
  fc.record({
    kind: fc.constant("write" as const),
    text: fc.string({ unit: fc.constantFrom("a", "b", "c"), maxLength: 20 }),
  }),
  fc.record({
    kind: fc.constant("seek" as const),
    offset: fc.integer({ min: -10, max: 60 }),
    whence: fc.constantFrom("set", "cur", "end"),
  }),
);

/** A file as bytes and a position. */
class ModelFile {
  content: number[];
  position = 0;

  constructor(text: string) {
    this.content = [...encode(text)];
  }

  read(count: number): { bytes: number[]; eof: boolean } {
    const bytes = this.content.slice(this.position, this.position + count);
    this.position += bytes.length;
    return { bytes, eof: bytes.length < count };
  }

  write(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    while (this.content.length < this.position) this.content.push(0);
    this.content.splice(this.position, bytes.length, ...bytes);
    this.position += bytes.length;
  }

  /** The new position, or undefined when it would be before the start. */
  seek(offset: number, whence: keyof typeof Whence): number | undefined {
    const base = { set: 0, cur: this.position, end: this.content.length }[whence];
    if (base + offset < 0) return undefined;
    this.position = base + offset;
    return this.position;
  }
}

Deno.test("any sequence of reads, writes and seeks does what a file does", async () => {
  await using fixture = await Fixture.create();
  await checkProperty("file operations", fc.array(step, { maxLength: 25 }), async (steps) => {
    await fixture.write("/f", "0123456789");
    const model = new ModelFile("0123456789");
    const handle = fixture.files.open("/f", "r+");
    const file = fixture.find(handle);
    for (const each of steps) {
      if (each.kind === "read") {
        const { bytes, eof } = await file.read(each.count);
        assert.deepEqual({ bytes: [...bytes.bytes], eof }, model.read(each.count));
      } else if (each.kind === "write") {
        const bytes = encode(each.text);
        assert.equal(await file.write(bytes), bytes.length);
        model.write(bytes);
      } else {
        const expected = model.seek(each.offset, each.whence);
        const seek = () => file.seek(BigInt(each.offset), Whence[each.whence]);
        if (expected === undefined) assert.throws(seek, /Invalid argument/);
        else assert.equal(seek(), BigInt(expected));
      }
    }
    fixture.files.close(handle);
    assert.deepEqual([...Deno.readFileSync(`${fixture.root}/f`)], model.content);
  });
});
