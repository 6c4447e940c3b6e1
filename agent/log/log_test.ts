import assert from "node:assert/strict";
import { jsonLog } from "./log.ts";

Deno.test("a line is JSON with time, level, message and fields; lower levels are dropped", () => {
  const lines: string[] = [];
  const log = jsonLog((line) => lines.push(line), { now: () => 0 });
  log.debug("dropped");
  log.warn("a\nb", { count: 2n ** 64n, missing: undefined });
  assert.deepEqual(lines, [
    '{"time":"1970-01-01T00:00:00.000Z","level":"warn","message":"a\\nb",' +
    '"count":"18446744073709551616"}\n',
  ]);
  jsonLog((line) => lines.push(line), { level: "debug" }).debug("kept");
  assert.equal(lines.length, 2);
});
