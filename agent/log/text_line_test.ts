import assert from "node:assert/strict";
import fc from "fast-check";
import { checkProperty } from "../../tests/harness/property.ts";
import { lineLog } from "./log.ts";
import { textLine } from "./text_line.ts";

Deno.test("a line for people has time, level, message and fields", () => {
  const lines: string[] = [];
  const log = lineLog(textLine(false), (line) => lines.push(line), { now: () => 0 });
  log.warn("it is late", {
    path: "/dev/vport0p1",
    reason: 'no "port"',
    count: 2n,
    nothing: undefined,
  });
  log.error("bad");
  assert.deepEqual(lines, [
    '1970-01-01T00:00:00.000Z WARN  it is late path=/dev/vport0p1 reason="no \\"port\\"" count=2\n',
    "1970-01-01T00:00:00.000Z ERROR bad\n",
  ]);
});

Deno.test("only a coloured line has colours", () => {
  // deno-lint-ignore no-control-regex -- that is what colours are
  const color = /\x1b\[/;
  assert.match(textLine(true)("t", "error", "m", { a: 1 }), color);
  assert.doesNotMatch(textLine(false)("t", "error", "m", { a: 1 }), color);
});

Deno.test("whatever is logged is one line without control characters", async () => {
  const text = fc.string({ unit: "binary" });
  await checkProperty("text lines", fc.tuple(text, text), ([message, value]) => {
    const line = textLine(false)("t", "info", message, { value });
    assert.doesNotMatch(line, /[\p{Cc}\u2028\u2029]/u);
  });
});
