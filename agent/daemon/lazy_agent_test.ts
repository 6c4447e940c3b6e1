import assert from "node:assert/strict";
import { KernelFiles } from "../linux/kernel_files.ts";
import { Libc } from "../linux/libc.ts";
import { publishNothing } from "../activity/activity.ts";
import { HeldBackLines } from "../log/paused_lines.ts";
import { silentLog } from "../log/log.ts";
import { TemporaryDirectory } from "../../tests/harness/temporary_directory.ts";
import { Agent } from "./agent.ts";
import { loadProcessConfig, parseWords } from "../cli/command_line.ts";
import { LazyAgent } from "./lazy_agent.ts";
import { replyBytes } from "../../tests/harness/reply_bytes.ts";

/** A lazy agent, and how often it was loaded. */
class Bench implements AsyncDisposable {
  loads = 0;
  readonly lazy: LazyAgent;
  /** What loading waits for. */
  ready: Promise<void> = Promise.resolve();
  readonly #libc: Libc;
  readonly #directory: TemporaryDirectory;

  private constructor(
    libc: Libc,
    directory: TemporaryDirectory,
    config: Awaited<ReturnType<typeof loadProcessConfig>>,
  ) {
    this.#libc = libc;
    this.#directory = directory;
    this.lazy = new LazyAgent({
      lists: { allow: config.allowRpcs, block: config.blockRpcs },
      log: silentLog,
      publish: publishNothing,
      load: async () => {
        this.loads++;
        await this.ready;
        return new Agent(config, silentLog, new HeldBackLines(), libc, publishNothing);
      },
    });
  }

  static async start(...words: readonly string[]): Promise<Bench> {
    const directory = await TemporaryDirectory.create();
    const libc = new Libc();
    const commandLine = parseWords([
      ...["--statedir", directory.path],
      // There is no file system of this machine that a test could freeze.
      ...["--path-rootfs", directory.path],
      ...words,
    ]);
    return new Bench(
      libc,
      directory,
      await loadProcessConfig(commandLine, new KernelFiles(libc)),
    );
  }

  async answer(execute: string, members: Record<string, bigint> = {}): Promise<string> {
    const message = { value: { execute, arguments: members } };
    const handler = await this.lazy.handlerOf(message);
    return new TextDecoder("latin1").decode(await replyBytes(await handler.dispatch(message)))
      .trimEnd();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lazy[Symbol.asyncDispose]();
    this.#libc[Symbol.dispose]();
    await this.#directory[Symbol.asyncDispose]();
  }
}

Deno.test("what a hypervisor sends first is answered without the whole agent", async () => {
  await using bench = await Bench.start("--block-rpcs", "guest-ping,guest-sync");
  assert.equal(await bench.answer("guest-sync", { id: 7n }), '{"return": 7}');
  assert.equal(await bench.answer("guest-sync-delimited", { id: 8n }), '\u00ff{"return": 8}');
  assert.match(
    await bench.answer("guest-ping"),
    /guest-ping has been disabled: the command is not/,
  );
  await bench.lazy.stop();
  assert.equal(bench.loads, 0);
});

Deno.test("the agent is loaded once for everything else, and answers all from then on", async () => {
  await using bench = await Bench.start();
  const [info, unknown, ping] = await Promise.all([
    bench.answer("guest-info"),
    bench.answer("guest-nonsense"),
    bench.answer("guest-ping"),
  ]);
  assert.match(info, /"guest-fsfreeze-freeze", "enabled": true/);
  assert.match(unknown, /The command guest-nonsense has not been found/);
  assert.equal(ping, '{"return": {}}');
  assert.equal(bench.loads, 1);
  const { dispatcher } = await bench.lazy.whole();
  assert.equal(bench.lazy.handlerOf({ value: { execute: "guest-ping" } }), dispatcher);
  assert.equal(bench.loads, 1);
});

Deno.test("an agent that is stopped while it is loaded freezes nothing", async () => {
  await using bench = await Bench.start("--fsfreeze-allow-empty");
  const loaded = Promise.withResolvers<void>();
  bench.ready = loaded.promise;
  const answer = bench.answer("guest-fsfreeze-freeze");
  const stopped = bench.lazy.stop();
  loaded.resolve();
  assert.match(await answer, /the agent is stopping/);
  await stopped;
});
