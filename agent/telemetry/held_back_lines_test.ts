import assert from "node:assert/strict";
import { HeldBackLines } from "./held_back_lines.ts";

Deno.test("lines held back are written in their order when they are released", () => {
  const written: string[] = [];
  const lines = new HeldBackLines();
  lines.write("before the sink\n");
  lines.sendTo((line) => written.push(line));
  lines.write("at once\n");
  assert.deepEqual(written, ["before the sink\n", "at once\n"]);
  lines.hold();
  lines.write("1\n");
  lines.write("2\n");
  assert.equal(written.length, 2);
  assert.equal(lines.release(), 0);
  lines.write("3\n");
  assert.deepEqual(written.slice(2), ["1\n", "2\n", "3\n"]);
});

Deno.test("a sink given during a hold gets nothing before the release", () => {
  const written: string[] = [];
  const lines = new HeldBackLines();
  lines.hold();
  lines.write("1\n");
  lines.sendTo((line) => written.push(line));
  assert.deepEqual(written, []);
  lines.release();
  assert.deepEqual(written, ["1\n"]);
});

Deno.test("lines beyond the bound are dropped, the first ones kept, and counted once", () => {
  const written: string[] = [];
  const lines = new HeldBackLines();
  lines.sendTo((line) => written.push(line));
  lines.hold();
  const line = "x".repeat(1024);
  for (let index = 0; index < 300; index++) lines.write(`${index}`.padStart(4) + line.slice(4));
  lines.write("short\n");
  assert.equal(lines.release(), 300 - 256 + 1);
  assert.equal(written.length, 256);
  assert.ok(written.at(-1)?.startsWith(" 255"));
  lines.hold();
  lines.write("again\n");
  assert.equal(lines.release(), 0);
  assert.equal(written.at(-1), "again\n");
});
