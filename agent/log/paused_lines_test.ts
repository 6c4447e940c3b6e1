import assert from "node:assert/strict";
import fc from "fast-check";
import { checkProperty } from "../../tests/harness/property.ts";
import { PausedLines, type WriteFailure } from "./paused_lines.ts";

const FULL: WriteFailure = { reason: "No space left on device", passes: true };
const GONE: WriteFailure = { reason: "Broken pipe", passes: false };

/** A destination that takes bytes as long as nothing is the matter with it. */
class Destination {
  text = "";
  failure: WriteFailure | undefined;
  /** How many bytes it takes at once, and how many before it is full. */
  atOnce = Infinity;
  room = Infinity;

  write(bytes: Uint8Array): number | WriteFailure {
    if (this.failure !== undefined) return this.failure;
    const count = Math.min(bytes.length, this.atOnce, this.room);
    if (count === 0) return FULL;
    this.room -= count;
    this.text += new TextDecoder().decode(bytes.subarray(0, count));
    return count;
  }

  get lines(): string[] {
    return this.text.split("\n").slice(0, -1);
  }
}

/** Timers that are run by hand. */
class Timers {
  readonly pending = new Map<() => void, number>();
  readonly delays: number[] = [];

  readonly start = (callback: () => void, milliseconds: number): () => void => {
    this.delays.push(milliseconds);
    this.pending.set(callback, milliseconds);
    return () => this.pending.delete(callback);
  };

  run(): void {
    for (const callback of [...this.pending.keys()]) {
      this.pending.delete(callback);
      callback();
    }
  }
}

function linesTo(destination: Destination, timers = new Timers()): PausedLines {
  const lines: PausedLines = new PausedLines({
    tellLost: (count, reason) => lines.write(`lost ${count}: ${reason}\n`),
    startTimer: timers.start,
  });
  lines.sendTo(destination);
  return lines;
}

Deno.test("lines held back are written in their order when they are released", () => {
  const written = new Destination();
  const lines = new PausedLines();
  lines.write("before the sink\n");
  lines.sendTo(written);
  lines.write("at once\n");
  assert.equal(written.text, "before the sink\nat once\n");
  lines.pause();
  lines.write("1\n");
  lines.write("2\n");
  assert.equal(written.lines.length, 2);
  assert.equal(lines.resume(), 0);
  lines.write("3\n");
  assert.deepEqual(written.lines.slice(2), ["1", "2", "3"]);
});

Deno.test("a destination given during a pause gets nothing before it resumes", () => {
  const written = new Destination();
  const lines = new PausedLines();
  lines.pause();
  lines.write("1\n");
  lines.sendTo(written);
  assert.equal(written.text, "");
  lines.resume();
  assert.equal(written.text, "1\n");
});

Deno.test("lines beyond the bound are dropped, the first ones kept, and counted once", () => {
  const written = new Destination();
  const lines = linesTo(written);
  lines.pause();
  const line = `${"x".repeat(1023)}\n`;
  for (let index = 0; index < 300; index++) lines.write(`${index}`.padStart(4) + line.slice(4));
  lines.write("short\n");
  assert.equal(lines.resume(), 300 - 256 + 1);
  assert.equal(lines.lost, 300 - 256 + 1);
  assert.equal(written.lines.length, 256);
  assert.ok(written.lines.at(-1)?.startsWith(" 255"));
  lines.pause();
  lines.write("again\n");
  assert.equal(lines.resume(), 0);
  assert.equal(written.lines.at(-1), "again");
});

Deno.test("what a full destination does not take is written later, whole and in order", () => {
  const written = new Destination();
  const timers = new Timers();
  const lines = linesTo(written, timers);
  written.room = 3;
  for (const line of ["first\n", "second\n", "third\n"]) lines.write(line);
  assert.equal(written.text, "fir");
  timers.run();
  timers.run();
  assert.equal(written.text, "fir");
  written.room = Infinity;
  written.atOnce = 2;
  timers.run();
  assert.deepEqual(written.lines, ["first", "second", "third"]);
  assert.equal(timers.pending.size, 0);
  assert.equal(lines.lost, 0);
});

Deno.test("there is one timer while lines wait, later and later, and none otherwise", () => {
  const written = new Destination();
  const timers = new Timers();
  const lines = linesTo(written, timers);
  lines.write("a\n");
  assert.equal(timers.pending.size, 0);
  written.failure = FULL;
  for (let index = 0; index < 3; index++) lines.write("b\n");
  assert.equal(timers.pending.size, 1);
  for (let index = 0; index < 12; index++) timers.run();
  assert.deepEqual(timers.delays.slice(0, 3), [20, 40, 80]);
  assert.equal(timers.delays.at(-1), 5_000);
  written.failure = undefined;
  timers.run();
  assert.equal(timers.pending.size, 0);
  written.failure = FULL;
  lines.write("c\n");
  assert.equal(timers.delays.at(-1), 20);
  lines[Symbol.dispose]();
  assert.equal(timers.pending.size, 0);
});

Deno.test("what waits is bounded; what is lost is counted, and told once it continues", () => {
  const written = new Destination();
  const timers = new Timers();
  const lines = linesTo(written, timers);
  written.failure = FULL;
  const line = `${"x".repeat(1023)}\n`;
  for (let index = 0; index < 1_000; index++) lines.write(line);
  assert.equal(lines.lost, 1_000 - 256);
  written.failure = undefined;
  timers.run();
  assert.equal(written.lines.length, 257);
  assert.equal(written.lines.at(-1), `lost ${1_000 - 256}: No space left on device`);
  lines.write("after\n");
  assert.equal(written.lines.at(-1), "after");
  assert.equal(lines.lost, 1_000 - 256);
});

Deno.test("a destination that will never take a line loses it at once, without a timer", () => {
  const written = new Destination();
  const timers = new Timers();
  const lines = linesTo(written, timers);
  written.failure = GONE;
  for (let index = 0; index < 5; index++) lines.write("x\n");
  assert.equal(lines.lost, 5);
  assert.equal(timers.delays.length, 0);
  written.failure = undefined;
  lines.write("y\n");
  assert.deepEqual(written.lines, ["y", "lost 5: Broken pipe"]);
});

Deno.test("the line that reports a loss can be lost, too: all are told later", () => {
  const written = new Destination();
  const lines = linesTo(written);
  written.failure = GONE;
  lines.write("a\n");
  written.failure = undefined;
  const { write } = written;
  let calls = 0;
  written.write = (bytes) => ++calls === 2 ? GONE : write.call(written, bytes);
  lines.write("b\n");
  lines.write("c\n");
  assert.deepEqual(written.lines, ["b", "c", "lost 2: Broken pipe"]);
});

Deno.test("a line longer than all that may wait is lost", () => {
  const written = new Destination();
  const lines = linesTo(written);
  lines.write(`${"x".repeat(300_000)}\n`);
  lines.write("y\n");
  assert.deepEqual(written.lines, ["y", "lost 1: too many lines waited"]);
});

Deno.test("a new destination gets a half written line as a whole", () => {
  const [old, fresh] = [new Destination(), new Destination()];
  const lines = linesTo(old);
  old.room = 4;
  lines.write("one line\n");
  lines.write("another\n");
  lines.sendTo(fresh);
  assert.equal(old.text, "one ");
  assert.equal(fresh.text, "one line\nanother\n");
  lines[Symbol.dispose]();
});

Deno.test("at the end what can be written is, and the rest given up", () => {
  const written = new Destination();
  const timers = new Timers();
  const lines = linesTo(written, timers);
  written.failure = FULL;
  lines.write("a\n");
  written.failure = undefined;
  lines[Symbol.dispose]();
  assert.equal(written.text, "a\n");
  assert.equal(timers.pending.size, 0);
});

Deno.test("what may touch a frozen file system is put off until the log resumes", () => {
  const done: string[] = [];
  const lines = new PausedLines();
  lines.unlessPaused(() => done.push("now"));
  lines.pause();
  lines.unlessPaused(() => done.push("first"));
  lines.unlessPaused(() => done.push("later"));
  assert.deepEqual(done, ["now"]);
  lines.resume();
  lines.resume();
  assert.deepEqual(done, ["now", "later"]);
});

Deno.test("whatever happens, only whole lines are written, in order, and none is uncounted", async () => {
  const step = fc.oneof(
    fc.constantFrom("full", "gone", "well", "slow", "timer", "pause", "resume"),
    fc.nat({ max: 60_000 }),
    fc.record({ room: fc.nat({ max: 60_000 }) }),
  );
  await checkProperty("steps", fc.array(step, { maxLength: 200 }), (steps) => {
    const written = new Destination();
    const timers = new Timers();
    const lines = new PausedLines({ startTimer: timers.start });
    lines.sendTo(written);
    let count = 0;
    for (const step of steps) {
      if (typeof step === "number") lines.write(`${count++} ${"x".repeat(step)}.\n`);
      else if (typeof step === "object") written.room = step.room;
      else if (step === "full") written.failure = FULL;
      else if (step === "gone") written.failure = GONE;
      else if (step === "timer") timers.run();
      else if (step === "pause") lines.pause();
      else if (step === "resume") lines.resume();
      else {
        written.failure = undefined;
        written.room = Infinity;
        written.atOnce = step === "slow" ? 1_000 : Infinity;
      }
    }
    written.failure = undefined;
    written.room = Infinity;
    lines.resume();
    lines.write("last\n");
    lines[Symbol.dispose]();
    assert.equal(written.lines.at(-1), "last");
    const whole = written.lines.filter((line) => line.endsWith("."));
    const numbers = whole.map((line) => Number(/^(\d+) x*\.$/.exec(line)?.[1]));
    assert.deepEqual(numbers, numbers.toSorted((one, other) => one - other));
    assert.equal(numbers.length + lines.lost, count);
  });
});
