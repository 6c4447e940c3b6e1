import assert from "node:assert/strict";
import fc from "fast-check";
import { anyCuts, reusedChunks } from "../../tests/harness/chunks.ts";
import { checkProperty } from "../../tests/harness/property.ts";
import { wholeLines } from "./whole_lines.ts";

Deno.test("pieces of any text end with a line, wherever it was cut, and are all of it", async () => {
  const text = fc.array(fc.constantFrom("a", "bc", "\n", "é")).map((parts) => parts.join(""));
  await checkProperty("whole lines", fc.tuple(text, anyCuts), ([whole, cuts]) => {
    const bytes = new TextEncoder().encode(whole);
    const pieces = Array.from(
      wholeLines(reusedChunks(bytes, cuts)),
      (piece) => new TextDecoder().decode(piece),
    );
    assert.equal(pieces.join(""), whole);
    assert.ok(pieces.slice(0, -1).every((piece) => piece.endsWith("\n")));
    assert.ok(pieces.every((piece) => piece !== ""));
  });
});
