import { deepEqual, equal } from "node:assert/strict";
import fc from "fast-check";
import { checkProperty } from "../../tests/harness/property.ts";
import { CapturedOutput } from "./captured_output.ts";

Deno.test("the beginning is kept up to the limit, whatever the pieces", async () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 3000 }), { maxLength: 12 });
  await checkProperty("captured output", pieces, (chunks) => {
    using output = new CapturedOutput(10_000);
    for (const chunk of chunks) output.append(chunk, output.roomFor(chunk.length));
    const all = chunks.flatMap((chunk) => [...chunk]);
    deepEqual([...output.kept.bytes], all.slice(0, 10_000));
    equal(output.truncated, all.length > 10_000);
  });
});

Deno.test("exactly the limit is not truncated, and nothing more is not either", () => {
  using output = new CapturedOutput(4);
  const append = (...bytes: number[]) =>
    output.append(Uint8Array.from(bytes), output.roomFor(bytes.length));
  append(1, 2, 3, 4);
  append();
  equal(output.truncated, false);
  append(5);
  equal(output.truncated, true);
  deepEqual([...output.kept.bytes], [1, 2, 3, 4]);
});

Deno.test("dropped output is told as truncated, but not where there was none", () => {
  using output = new CapturedOutput(4);
  output.drop();
  equal(output.truncated, false);
  output.append(Uint8Array.of(1), 1);
  output.drop();
  deepEqual([output.kept.length, output.truncated], [0, true]);
});
