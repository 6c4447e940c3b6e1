import assert from "node:assert/strict";
import { GrowingBytes } from "../memory/growing_bytes.ts";
import { silentLog } from "../log/log.ts";
import { LogRecorder } from "../../tests/harness/log_recorder.ts";
import { TemporaryDirectory } from "../../tests/harness/temporary_directory.ts";
import {
  type CaptureMode,
  GuestProcesses,
  type ProcessLimits,
  type ProcessRequest,
  type ProcessResult,
  SpawnError,
} from "./processes.ts";
import { Libc } from "../linux/libc.ts";

const MEBIBYTE = 1024 * 1024;
const decode = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);

/** A copy of bytes as a program gets them. */
function collected(bytes: Uint8Array): GrowingBytes {
  const copy = new GrowingBytes(bytes.length);
  copy.append(bytes);
  return copy;
}

/** What a result says, with text for bytes. */
interface Outcome {
  readonly exitCode: number | undefined;
  readonly signal: number | undefined;
  readonly stdout: string | undefined;
  readonly stderr: string | undefined;
}

const LIMITS = { streamBytes: 1000, programsBytes: 2500, reason: undefined };

class Fixture implements AsyncDisposable {
  readonly log = new LogRecorder();
  readonly processes: GuestProcesses;
  readonly #libc = new Libc();

  constructor(limits?: ProcessLimits) {
    this.processes = new GuestProcesses(this.#libc, this.log, limits);
  }

  start(path: string, request: Partial<ProcessRequest> = {}): number {
    return this.processes.start({
      path,
      args: [],
      env: undefined,
      input: undefined,
      capture: "separated",
      ...request,
    });
  }

  shell(script: string, request: Partial<ProcessRequest> = {}): number {
    return this.start("/bin/sh", { args: ["-c", script], ...request });
  }

  async result(pid: number): Promise<ProcessResult> {
    for (;;) {
      const status = this.processes.status(pid);
      assert.ok(status !== undefined, `${pid} is unknown`);
      if (status !== "running") return status;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async outcome(pid: number): Promise<Outcome> {
    const { exitCode, signal, stdout, stderr } = await this.result(pid);
    return {
      exitCode,
      signal,
      stdout: stdout && decode(stdout.kept.bytes),
      stderr: stderr && decode(stderr.kept.bytes),
    };
  }

  /** The standard output of a program that succeeds. */
  async stdout(pid: number): Promise<string> {
    const { exitCode, stdout } = await this.outcome(pid);
    assert.equal(exitCode, 0);
    return stdout ?? "";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.processes[Symbol.asyncDispose]();
    this.#libc[Symbol.dispose]();
  }
}

/** Waits until a condition holds. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** The state of a process as a letter, Z for a zombie; undefined when there is none. */
function processState(pid: number): string | undefined {
  try {
    return /\) (\S)/.exec(Deno.readTextFileSync(`/proc/${pid}/stat`))?.[1];
  } catch {
    return undefined;
  }
}

Deno.test("each capture mode keeps what it says, merged in the order of writing", async () => {
  await using fixture = new Fixture();
  const script = "echo o1; echo e1 >&2; echo o2; echo e2 >&2; exit 3";
  const cases: [CaptureMode, string | undefined, string | undefined][] = [
    ["none", undefined, undefined],
    ["stdout", "o1\no2\n", undefined],
    ["stderr", undefined, "e1\ne2\n"],
    ["separated", "o1\no2\n", "e1\ne2\n"],
    ["merged", "o1\ne1\no2\ne2\n", undefined],
  ];
  for (const [capture, stdout, stderr] of cases) {
    const pid = fixture.shell(script, { capture });
    assert.deepEqual(
      await fixture.outcome(pid),
      { exitCode: 3, signal: undefined, stdout, stderr },
      capture,
    );
  }
});

Deno.test("a signal's death is told as such, and a result is given once", async () => {
  await using fixture = new Fixture();
  const pid = fixture.shell("kill -9 $$");
  const { exitCode, signal } = await fixture.outcome(pid);
  assert.deepEqual([exitCode, signal], [undefined, 9]);
  assert.equal(fixture.processes.status(pid), undefined);
  assert.equal(fixture.processes.status(1), undefined);
});

Deno.test("a child has default signals, no descriptors but three, and arguments as given", async () => {
  await using fixture = new Fixture();
  const status = await fixture.stdout(fixture.start("/bin/cat", { args: ["/proc/self/status"] }));
  assert.match(status, /^SigIgn:\s0+$/m);
  assert.match(status, /^SigBlk:\s0+$/m);
  const descriptors = await fixture.stdout(fixture.start("/bin/ls", { args: ["/proc/self/fd"] }));
  // The fourth is the directory that ls reads.
  assert.deepEqual(descriptors.trim().split("\n"), ["0", "1", "2", "3"]);
  const script = 'readlink /proc/self/fd/0; for each in "$0" "$@"; do echo "<$each>"; done';
  const args = ["-c", script, "a b", "", "*", "é"];
  assert.equal(
    await fixture.stdout(fixture.start("/bin/sh", { args })),
    "/dev/null\n<a b>\n<>\n<*>\n<é>\n",
  );
});

Deno.test("the environment is replaced when one is given, and PATH is the child's", async () => {
  await using fixture = new Fixture();
  const environment = async (env: string[] | undefined) =>
    await fixture.stdout(fixture.start("env", { env }));
  assert.equal(await environment([]), "");
  assert.equal(await environment(["A=1", "B=2 3", "X"]), "A=1\nB=2 3\nX\n");
  assert.match(await environment(undefined), /^PATH=/m);
  await using directory = await TemporaryDirectory.create();
  for (const name of ["tool", "forbidden"]) {
    await Deno.mkdir(`${directory.path}/${name}`);
    const path = await directory.write(`${name}/tool`, "#!/bin/sh\necho found\n");
    await Deno.chmod(path, name === "tool" ? 0o755 : 0o644);
  }
  const path = (...names: string[]) =>
    `PATH=${names.map((name) => `${directory.path}/${name}`).join(":")}`;
  const env = [path("none", "forbidden", "tool")];
  assert.equal(await fixture.stdout(fixture.start("tool", { env })), "found\n");
  assert.throws(
    () => fixture.start("tool", { env: [path("forbidden", "none")] }),
    { message: "Failed to execute child process “tool” (Permission denied)" },
  );
  assert.throws(() => fixture.start("env", { env: [path("none")] }), /No such file or directory/);
});

Deno.test("a script without interpreter is the shell's", async () => {
  await using fixture = new Fixture();
  await using directory = await TemporaryDirectory.create();
  const script = await directory.write("script", "echo $0 $1\n");
  await Deno.chmod(script, 0o755);
  assert.equal(
    await fixture.stdout(fixture.start(script, { args: ["x"] })),
    `${script} x\n`,
  );
});

Deno.test("what cannot be executed is told at once", async () => {
  await using fixture = new Fixture();
  const cases: [string, string][] = [
    ["/bin/no-such-program", "No such file or directory"],
    ["no-such-program", "No such file or directory"],
    ["", "No such file or directory"],
    ["/etc/passwd", "Permission denied"],
    ["/tmp", "Permission denied"],
    ["/etc/passwd/x", "Not a directory"],
  ];
  for (const [path, reason] of cases) {
    assert.throws(() => fixture.start(path, { input: collected(new Uint8Array(9)) }), (error) => {
      assert.ok(error instanceof SpawnError);
      assert.equal(error.message, `Failed to execute child process “${path}” (${reason})`);
      return true;
    });
  }
  assert.equal(fixture.log.matching(/^program not started$/).length, cases.length);
  assert.throws(() => fixture.start(`/${"a".repeat(4096)}`), /File name too long/);
});

Deno.test("input is fed as the program reads it, and then ends", async () => {
  await using fixture = new Fixture();
  const input = new Uint8Array(MEBIBYTE).map((_, index) => index % 251);
  const copied = await fixture.result(fixture.start("/bin/cat", { input: collected(input) }));
  assert.ok(copied.stdout?.kept.bytes.every((byte, index) => byte === input[index]));
  assert.equal(copied.stdout?.kept.length, input.length);
  const empty = fixture.start("/bin/cat", { input: collected(new Uint8Array(0)) });
  assert.equal(await fixture.stdout(empty), "");
});

Deno.test("a program that does not want its input is no trouble", async () => {
  await using fixture = new Fixture();
  const input = () => collected(new Uint8Array(MEBIBYTE));
  assert.equal((await fixture.outcome(fixture.start("/bin/true", { input: input() }))).exitCode, 0);
  const some = fixture.start("/usr/bin/head", { args: ["-c", "3"], input: input() });
  assert.equal(await fixture.stdout(some), "\0\0\0");
});

Deno.test("output is cut off at the limit, the rest is drained", async () => {
  await using fixture = new Fixture();
  const script = (out: number) => `head -c ${out} /dev/zero; echo done >&2`;
  const lengths = [16 * MEBIBYTE, 16 * MEBIBYTE + 1, 20 * MEBIBYTE];
  for (const length of lengths) {
    const { exitCode, stdout, stderr } = await fixture.result(fixture.shell(script(length)));
    assert.equal(exitCode, 0);
    assert.equal(stdout?.kept.length, 16 * MEBIBYTE);
    assert.equal(stdout?.truncated, length > 16 * MEBIBYTE);
    assert.deepEqual([decode(stderr?.kept.bytes), stderr?.truncated], ["done\n", false]);
  }
});

Deno.test("a program runs as long as its child holds the output open", async () => {
  await using fixture = new Fixture();
  await using directory = await TemporaryDirectory.create();
  const fifo = `${directory.path}/fifo`;
  await new Deno.Command("mkfifo", { args: [fifo] }).output();
  // The child ends when the FIFO has been written to, not earlier.
  const script = `(read line <${fifo}; echo "$line") & echo now`;
  const pid = fixture.shell(script);
  await until(() => processState(pid) === undefined);
  assert.equal(fixture.processes.status(pid), "running");
  const uncaptured = fixture.shell("sleep 3 & exit 4", { capture: "none" });
  assert.equal((await fixture.outcome(uncaptured)).exitCode, 4);
  await Deno.writeTextFile(fifo, "late\n");
  assert.equal(await fixture.stdout(pid), "now\nlate\n");
});

Deno.test("every child is reaped, though nobody asks", async () => {
  await using fixture = new Fixture();
  const pids = Array.from({ length: 40 }, () => fixture.start("/bin/true"));
  await until(() => pids.every((pid) => processState(pid) === undefined));
  for (const pid of pids) assert.equal((await fixture.outcome(pid)).exitCode, 0);
});

Deno.test("more programs at a time than Deno's pool has threads are no trouble", async () => {
  await using fixture = new Fixture();
  const input = new TextEncoder().encode("x".repeat(100_000));
  const pids = Array.from(
    { length: 50 },
    () => fixture.shell("sleep 0.2; wc -c", { input: collected(input) }),
  );
  for (const pid of pids) assert.equal(await fixture.stdout(pid), "100000\n");
});

Deno.test("beyond their limit the oldest results are dropped", async () => {
  await using fixture = new Fixture({ ...LIMITS, results: 3 });
  const dropped = /^a program's result is dropped/;
  const running = fixture.start("/bin/sleep", { args: ["1"] });
  const pids: number[] = [];
  for (let count = 0; count < 6; count++) {
    pids.push(fixture.start("/bin/true"));
    await until(() => processState(pids.at(-1) ?? 0) === undefined);
  }
  await until(() => fixture.log.matching(dropped).length >= 3);
  for (const pid of pids.slice(0, 3)) assert.equal(fixture.processes.status(pid), undefined);
  for (const pid of pids.slice(3)) assert.equal((await fixture.outcome(pid)).exitCode, 0);
  assert.equal((await fixture.outcome(running)).exitCode, 0);
});

Deno.test("output for which there is no memory takes that of the oldest results, not their status", async () => {
  await using fixture = new Fixture(LIMITS);
  const finish = async (script: string) => {
    const pid = fixture.shell(script, { capture: "stdout" });
    await until(() => processState(pid) === undefined);
    return pid;
  };
  const pids: number[] = [];
  for (let count = 0; count < 3; count++) {
    pids.push(await finish(`head -c 2000 /dev/zero; exit ${count}`));
  }
  const { fields } = await fixture.log.waitFor(/^a program's output is dropped/);
  assert.deepEqual(fields, { pid: pids[0] });
  const outcomes: unknown[] = [];
  for (const pid of pids) {
    using result = await fixture.result(pid);
    const { exitCode, stdout } = result;
    outcomes.push([exitCode, stdout?.kept.length, stdout?.truncated]);
  }
  assert.deepEqual(outcomes, [[0, 0, true], [1, 1000, true], [2, 1000, true]]);
  // What was asked for has made room.
  using last = await fixture.result(await finish("head -c 900 /dev/zero"));
  assert.deepEqual([last.stdout?.kept.length, last.stdout?.truncated], [900, false]);
  assert.equal(fixture.log.matching(/is dropped/).length, 1);
});

Deno.test("programs that run share what memory there is, and no more", async () => {
  await using fixture = new Fixture(LIMITS);
  const pids = [1, 2, 3, 4].map(() =>
    fixture.shell("head -c 2000 /dev/zero; cat", {
      capture: "stdout",
      input: collected(new Uint8Array(100)),
    })
  );
  let sum = 0;
  for (const pid of pids) {
    const { stdout } = await fixture.result(pid);
    sum += stdout?.kept.length ?? 0;
    assert.equal(stdout?.truncated, true);
  }
  assert.ok(sum > 0 && sum <= LIMITS.programsBytes);
});

Deno.test("input for which there is no memory is refused, until other programs have read theirs", async () => {
  await using fixture = new Fixture({ ...LIMITS, reason: "because of this" });
  const input = () => collected(new Uint8Array(1500));
  // It reads nothing, and what does not fit into the pipe is kept; here all of it fits.
  const big = collected(new Uint8Array(2501));
  assert.throws(() => fixture.shell("cat", { input: big }), {
    name: "InputTooLargeError",
    message: /^there is no room for input-data of 2 KiB: .* 2 KiB in all, because of this; wait/,
  });
  for (let count = 0; count < 5; count++) {
    using result = await fixture.result(fixture.shell("wc -c", { input: input() }));
    assert.equal(decode(result.stdout?.kept.bytes), "1500\n");
  }
});

Deno.test("an output that never ends does not keep the agent from its work", async () => {
  await using fixture = new Fixture();
  const pid = fixture.start("/usr/bin/yes", { capture: "stdout" });
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
  assert.equal(fixture.processes.status(pid), "running");
  Deno.kill(pid, "SIGTERM");
  const { signal, stdout } = await fixture.result(pid);
  assert.equal(signal, 15);
  assert.equal(decode(stdout?.kept.bytes.subarray(0, 4)), "y\ny\n");
});

Deno.test("the log shows the program and the number of its arguments, no more", async () => {
  await using fixture = new Fixture();
  const args = ["-c", "cat >/dev/null # secret"];
  const input = collected(new TextEncoder().encode("secret"));
  const pid = fixture.start("/bin/sh", { args, env: ["A=secret"], input });
  await fixture.outcome(pid);
  assert.deepEqual(fixture.log.lines, [
    { level: "info", message: "program started", fields: { path: "/bin/sh", arguments: 2, pid } },
  ]);
});

Deno.test("disposing closes the pipes and lets a program go on", async () => {
  const descriptors = () => Array.from(Deno.readDirSync("/proc/self/fd")).length;
  await using directory = await TemporaryDirectory.create();
  const file = `${directory.path}/file`;
  using libc = new Libc();
  const before = descriptors();
  const processes = new GuestProcesses(libc, silentLog);
  const pid = processes.start({
    path: "/bin/sh",
    args: ["-c", `cat >/dev/null; echo alive >${file}`],
    env: undefined,
    input: collected(new Uint8Array(8 * MEBIBYTE)),
    capture: "separated",
  });
  await processes[Symbol.asyncDispose]();
  await processes[Symbol.asyncDispose]();
  assert.equal(descriptors(), before);
  await until(() => processState(pid) === "Z");
  assert.equal(await Deno.readTextFile(file), "alive\n");
  const { waitpid } = libc.bind(
    {
      waitpid: { parameters: ["i32", "buffer", "i32"], result: "i32" },
    } as const,
  );
  assert.equal(waitpid(pid, new Uint8Array(4), 0), pid);
});
