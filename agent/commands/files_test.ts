import assert from "node:assert/strict";
import { GuestFiles } from "../guest/files.ts";
import { HandleNumbers } from "../guest/handle_numbers.ts";
import { Libc } from "../linux/libc.ts";
import { ResultWithBytes } from "../protocol/command_result.ts";
import type { Command } from "../protocol/command.ts";
import type { JsonObject, JsonValue } from "../protocol/json_value.ts";
import { silentLog } from "../log/log.ts";
import { plainResult } from "../../tests/harness/plain_result.ts";
import { TemporaryDirectory } from "../../tests/harness/temporary_directory.ts";
import type { CommandContext } from "./context.ts";
import {
  guestFileClose,
  guestFileFlush,
  guestFileOpen,
  guestFileRead,
  guestFileSeek,
  guestFileWrite,
} from "./files.ts";

const COMMANDS = {
  open: guestFileOpen,
  close: guestFileClose,
  read: guestFileRead,
  write: guestFileWrite,
  seek: guestFileSeek,
  flush: guestFileFlush,
};

/** A directory as root of the node's files, and the commands on it. */
class Fixture implements AsyncDisposable {
  readonly directory: TemporaryDirectory;
  readonly #libc = new Libc();
  readonly #guestFiles: GuestFiles;

  private constructor(directory: TemporaryDirectory) {
    this.directory = directory;
    const numbers = new HandleNumbers(directory.path);
    this.#guestFiles = new GuestFiles({
      libc: this.#libc,
      root: directory.path,
      numbers,
      log: silentLog,
    });
  }

  static async create(): Promise<Fixture> {
    return new Fixture(await TemporaryDirectory.create());
  }

  async run(name: keyof typeof COMMANDS, values: JsonObject): Promise<JsonValue> {
    const command: Command<
      Pick<CommandContext, "guestFiles">,
      JsonValue | ResultWithBytes
    > = COMMANDS[name];
    const result = await command.execute(values, { guestFiles: this.#guestFiles });
    return plainResult(result);
  }

  /** Opens a file and gives its handle as the wire has it. */
  async open(path: string, mode: string): Promise<bigint> {
    const handle = await this.run("open", { path, mode });
    assert.equal(typeof handle, "bigint");
    return BigInt(Number(handle));
  }

  async fails(name: keyof typeof COMMANDS, values: JsonObject, message: string): Promise<void> {
    await assert.rejects(this.run(name, values), { message });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#guestFiles[Symbol.dispose]();
    this.#libc[Symbol.dispose]();
    await this.directory[Symbol.asyncDispose]();
  }
}

Deno.test("a file is written, sought and read with upstream's replies", async () => {
  await using fixture = await Fixture.create();
  const handle = await fixture.open("/f", "w+");
  assert.equal(handle, 1000n);
  const write = { handle, "buf-b64": "aGVsbG8=" };
  assert.deepEqual(await fixture.run("write", write), { count: 5, eof: false });
  assert.deepEqual(await fixture.run("write", { ...write, count: 2n }), { count: 2, eof: false });
  assert.deepEqual(await fixture.run("flush", { handle }), {});
  assert.equal(await Deno.readTextFile(`${fixture.directory.path}/f`), "hellohe");
  const seeks: [JsonValue, bigint, bigint][] = [
    [0n, 1n, 1n],
    [1n, 1n, 2n],
    [2n, -1n, 6n],
    ["end", 2n, 9n],
    ["cur", -2n, 7n],
    ["set", 5n, 5n],
  ];
  for (const [whence, offset, position] of seeks) {
    assert.deepEqual(
      await fixture.run("seek", { handle, offset, whence }),
      { position, eof: false },
      String(whence),
    );
  }
  assert.deepEqual(
    await fixture.run("read", { handle, count: 2n }),
    { count: 2, "buf-b64": "aGU=", eof: false },
  );
  assert.deepEqual(await fixture.run("read", { handle }), { count: 0, "buf-b64": "", eof: true });
  assert.deepEqual(await fixture.run("close", { handle }), {});
  await fixture.fails("close", { handle }, "handle '1000' has not been found");
});

Deno.test("without a count 4096 bytes are read, and 48 MiB at most with one", async () => {
  await using fixture = await Fixture.create();
  await fixture.directory.write("big", "x".repeat(10_000));
  const handle = await fixture.run("open", { path: "/big" });
  const first = await fixture.run("read", { handle });
  assert.deepEqual(first, {
    count: 4096,
    "buf-b64": new TextEncoder().encode("x".repeat(4096)).toBase64(),
    eof: false,
  });
  const rest = { handle, count: 50331648n };
  assert.deepEqual(await fixture.run("read", rest), {
    count: 5904,
    "buf-b64": new TextEncoder().encode("x".repeat(5904)).toBase64(),
    eof: true,
  });
  for (const count of [-1n, 50331649n]) {
    const message = `value '${count}' is invalid for argument count`;
    await fixture.fails("read", { handle, count }, message);
  }
});

Deno.test("mistakes have upstream's words", async () => {
  await using fixture = await Fixture.create();
  await fixture.directory.write("f", "x");
  const handle = await fixture.open("/f", "r");
  const unknown = "handle '1' has not been found";
  const wrongType = (expected: string) =>
    `Invalid parameter type for 'whence', expected: ${expected}`;
  await fixture.fails("open", { path: "/f", mode: "x" }, "invalid file open mode 'x'");
  await fixture.fails(
    "open",
    { path: "/none" },
    "failed to open file '/none' (mode: 'r'): No such file or directory",
  );
  await fixture.fails("read", { handle: 1n, count: -1n }, unknown);
  await fixture.fails("write", { handle: 1n, "buf-b64": "!" }, unknown);
  await fixture.fails("seek", { handle: 1n, offset: 0n, whence: 9n }, unknown);
  await fixture.fails("flush", { handle: 1n }, unknown);
  await fixture.fails("close", { handle: 1n }, unknown);
  await fixture.fails(
    "write",
    { handle, "buf-b64": "YQ==" },
    "failed to write to file: Bad file descriptor",
  );
  await fixture.fails(
    "write",
    { handle, "buf-b64": "!", count: -1n },
    "Base64 data contains invalid characters",
  );
  for (const count of [-1n, 4n]) {
    const message = `value '${count}' is invalid for argument count`;
    await fixture.fails("write", { handle, "buf-b64": "YWJj", count }, message);
  }
  const whences: [JsonValue, string][] = [
    [9n, "invalid whence code 9"],
    [-1n, "invalid whence code -1"],
    ["foo", "Parameter 'whence' does not accept value 'foo'"],
    [1.5, wrongType("integer")],
    [null, wrongType("GuestFileWhence")],
    [true, wrongType("GuestFileWhence")],
  ];
  for (const [whence, message] of whences) {
    await fixture.fails("seek", { handle, offset: 0n, whence }, message);
  }
  await fixture.fails(
    "seek",
    { handle, offset: -1n, whence: "set" },
    "failed to seek file: Invalid argument",
  );
});
