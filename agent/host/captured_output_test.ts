import { deepEqual, equal } from "node:assert/strict";
import fc from "fast-check";
import { checkProperty } from "../testing/property.ts";
import { CapturedOutput } from "./captured_output.ts";

Deno.test("the beginning is kept up to the limit, whatever the pieces", async () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 3000 }), { maxLength: 12 });
  await checkProperty("captured output", pieces, (chunks) => {
    const output = new CapturedOutput(10_000);
    for (const chunk of chunks) output.append(chunk);
    const all = chunks.flatMap((chunk) => [...chunk]);
    deepEqual([...output.bytes], all.slice(0, 10_000));
    equal(output.truncated, all.length > 10_000);
  });
});

Deno.test("exactly the limit is not truncated, and nothing more is not either", () => {
  const output = new CapturedOutput(4);
  output.append(Uint8Array.of(1, 2, 3, 4));
  output.append(new Uint8Array(0));
  equal(output.truncated, false);
  output.append(Uint8Array.of(5));
  equal(output.truncated, true);
  deepEqual([...output.bytes], [1, 2, 3, 4]);
});
