import { deepEqual, equal, match } from "node:assert/strict";
import { EXECUTABLE, exists, RunningAgent } from "../harness/running_agent.ts";

const decoder = new TextDecoder();

/** A guard, compiled, that watches a state directory. */
class RunningGuard implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  #log = "";
  readonly #reading: Promise<void>;

  constructor(directory: string) {
    this.#process = new Deno.Command(EXECUTABLE, {
      args: ["guard", "--statedir", directory],
      stderr: "piped",
    }).spawn();
    this.#reading = this.#read(this.#process.stderr);
  }

  get pid(): number {
    return this.#process.pid;
  }

  /** Waits until its log has a line. */
  async logged(line: RegExp): Promise<void> {
    while (!line.test(this.#log)) await new Promise((resolve) => setTimeout(resolve, 10));
  }

  /** Ends it; gives its exit status. */
  async stop(): Promise<number> {
    this.#process.kill("SIGTERM");
    return (await this.#process.status).code;
  }

  kill(): void {
    this.#process.kill("SIGKILL");
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const bytes of stream) this.#log += decoder.decode(bytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.kill();
    } catch (error) {
      // It has ended.
      if (!(error instanceof TypeError)) throw error;
    }
    await this.#process.status;
    await this.#reading;
  }
}

async function withDirectory(use: (path: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await use(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("the guard's help, and what it cannot work with", async () => {
  const execute = (...args: string[]) => new Deno.Command(EXECUTABLE, { args }).output();
  const help = await execute("guard", "--help");
  match(decoder.decode(help.stdout), /^Usage: qemu-ga-talos guard[^]*--statedir DIR/);
  for (const args of [["--statedir", "/nowhere"], ["dog"], ["--nonsense"]]) {
    const { code, stderr } = await execute("guard", ...args);
    equal(code, 2, args.join(" "));
    match(decoder.decode(stderr), /^qemu-ga-talos: .*\n$/);
  }
});

Deno.test("a guard is seen by check, and ends with 0", async () => {
  await withDirectory(async (directory) => {
    const guardLine = async () => {
      const { stdout } = await new Deno.Command(EXECUTABLE, {
        args: ["check", "--statedir", directory, "--output", "json", "--listen-address", "none"],
      }).output();
      const { checks } = JSON.parse(decoder.decode(stdout));
      return checks.find(({ name }: { readonly name: string }) => name === "guard")?.status;
    };
    equal(await guardLine(), "warning");
    await using guard = new RunningGuard(directory);
    await guard.logged(/guard started/);
    equal(await guardLine(), "ok");
    match(await Deno.readTextFile(`/proc/${guard.pid}/status`), /^THP_enabled:\t0$/m);
    equal(await guard.stop(), 0);
    equal(await guardLine(), "warning");
  });
});

Deno.test("what a killed agent left is removed by the guard, and told by the next agent", async () => {
  await withDirectory(async (directory) => {
    await using guard = new RunningGuard(directory);
    await guard.logged(/guard started/);
    // Nobody holds it, as after a kill; the device is mounted nowhere.
    const marker = `${directory}/qga.state.isfrozen`;
    await Deno.writeTextFile(
      `${marker}.new`,
      'since 1764190000000\nstarted 1\nlimit 60\ndeadline 60001\n4095:1 "/var"\n',
    );
    await Deno.rename(`${marker}.new`, marker);
    await guard.logged(/thawed by the guard/);
    while (exists(marker)) await new Promise((resolve) => setTimeout(resolve, 10));
    await using agent = await RunningAgent.startIn(await Deno.makeTempDir(), [
      ...["--statedir", directory],
    ]);
    await using client = await agent.client();
    await client.sync();
    equal(await client.execute("guest-fsfreeze-status"), "thawed");
    const told = await client.execute("guest-fsfreeze-thaw").catch(String);
    match(String(told), /the freeze has ended too early: .* by the guard/);
    equal(await client.execute("guest-fsfreeze-thaw"), 0);
  });
});

Deno.test("a second guard takes over when the first one ends", async () => {
  await withDirectory(async (directory) => {
    await using first = new RunningGuard(directory);
    await first.logged(/guard started/);
    await using second = new RunningGuard(directory);
    first.kill();
    await second.logged(/guard started/);
    deepEqual([...Deno.readDirSync(directory)].map(({ name }) => name), ["qga.guard"]);
    equal(await second.stop(), 0);
  });
});
