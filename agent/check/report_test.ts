import assert from "node:assert/strict";
import { failed, ok, warning } from "./check_line.ts";
import { exitStatus, formatJson, formatText } from "./report.ts";

const LINES = [ok("port", "there"), warning("state directory", "on a disk", "mount a tmpfs")];
const BROKEN = [...LINES, failed("role", "os:reader", "give it os:operator")];

Deno.test("the text is aligned, with a remedy below its finding and a summary at the end", () => {
  assert.equal(
    formatText(BROKEN, false),
    [
      "ok       port             there",
      "warning  state directory  on a disk",
      "                          -> mount a tmpfs",
      "failed   role             os:reader",
      "                          -> give it os:operator",
      "3 checks: 1 ok, 1 warning, 1 failed",
    ].join("\n"),
  );
});

Deno.test("only the status is coloured, and columns stay where they are", () => {
  const coloured = formatText(BROKEN, true);
  assert.ok(coloured.startsWith("\x1b[32mok\x1b[0m       port"));
  const plain = ["32", "33", "31", "0"].reduce(
    (text, colour) => text.replaceAll(`\x1b[${colour}m`, ""),
    coloured,
  );
  assert.equal(plain, formatText(BROKEN, false));
});

Deno.test("warnings count when they shall, failures always", () => {
  assert.deepEqual(
    [LINES.slice(0, 1), LINES, BROKEN].flatMap((lines) => [
      exitStatus(lines, false),
      exitStatus(lines, true),
    ]),
    [0, 0, 0, 1, 2, 2],
  );
  assert.equal(JSON.parse(formatJson(LINES, true)).ok, false);
  assert.deepEqual(JSON.parse(formatJson(LINES, false)), { ok: true, checks: LINES });
});
