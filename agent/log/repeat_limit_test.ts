import assert from "node:assert/strict";
import { LogRecorder } from "../../tests/harness/log_recorder.ts";
import { RepeatLimit } from "./repeat_limit.ts";

Deno.test("lines of one message beyond the limit are left out, and counted in one more", () => {
  const recorder = new LogRecorder();
  {
    using log = new RepeatLimit(recorder, { lines: 2, windowMs: 60_000, messages: 10 });
    for (let count = 1; count <= 5; count++) log.warn("again", { count });
    log.info("again");
    log.error("something else");
  }
  assert.deepEqual(recorder.lines, [
    { level: "warn", message: "again", fields: { count: 1 } },
    { level: "warn", message: "again", fields: { count: 2 } },
    { level: "info", message: "again", fields: {} },
    { level: "error", message: "something else", fields: {} },
    { level: "warn", message: "again", fields: { count: 5, repeated: 3 } },
  ]);
});

Deno.test("at the end of its window what was left out is told, and lines are written again", async () => {
  const recorder = new LogRecorder();
  using log = new RepeatLimit(recorder, { lines: 1, windowMs: 20, messages: 10 });
  log.info("again");
  log.info("again");
  assert.equal(recorder.lines.length, 1);
  while (recorder.lines.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(recorder.lines[1]?.fields, { repeated: 1 });
  log.info("again", { new: true });
  assert.deepEqual(recorder.lines[2]?.fields, { new: true });
});

Deno.test("a message that was never left out is counted again after its window", async () => {
  const recorder = new LogRecorder();
  using log = new RepeatLimit(recorder, { lines: 2, windowMs: 20, messages: 10 });
  log.info("again");
  await new Promise((resolve) => setTimeout(resolve, 40));
  log.info("again");
  log.info("again");
  assert.equal(recorder.lines.length, 3);
});

Deno.test("no more messages are counted than the limit says; the oldest is told first", () => {
  const recorder = new LogRecorder();
  using log = new RepeatLimit(recorder, { lines: 1, windowMs: 60_000, messages: 2 });
  log.info("first");
  log.info("first");
  log.info("second");
  log.info("third");
  assert.deepEqual(recorder.lines.map(({ message, fields }) => [message, fields["repeated"]]), [
    ["first", undefined],
    ["second", undefined],
    ["first", 1],
    ["third", undefined],
  ]);
});

Deno.test("debug lines all pass", () => {
  const recorder = new LogRecorder();
  using log = new RepeatLimit(recorder, { lines: 1, windowMs: 60_000, messages: 10 });
  for (let count = 0; count < 5; count++) log.debug("detail");
  assert.equal(recorder.lines.length, 5);
});
