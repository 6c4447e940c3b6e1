import assert from "node:assert/strict";
import fc from "fast-check";
import { checkProperty } from "../../../tests/harness/property.ts";
import { DerError, formatDer, readDer, readDerChildren } from "./der.ts";

Deno.test("what is written is read again", async () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 140 }),
    fc.constantFrom(127, 128, 255, 256, 65535, 65536).map((length) => new Uint8Array(length)),
  );
  await checkProperty("DER round trip", fc.tuple(bytes, bytes), ([first, second]) => {
    const whole = formatDer(0x30, formatDer(0x04, first), formatDer(0x04, second));
    const element = readDer(whole);
    assert.equal(element.tag, 0x30);
    assert.equal(element.end, whole.length);
    const contents = readDerChildren(element.content).map((child) => child.content);
    assert.deepEqual(contents, [first, second]);
  });
});

Deno.test("random bytes give elements or a DerError", async () => {
  await checkProperty("random DER", fc.uint8Array({ maxLength: 64 }), (bytes) => {
    try {
      const total = readDerChildren(bytes).at(-1)?.end ?? 0;
      assert.equal(total, bytes.length);
    } catch (error) {
      assert(error instanceof DerError, String(error));
    }
  }, 1000);
});

for (
  const [what, hex] of [
    ["a length without its octets", "3082"],
    ["an indefinite length", "30800000"],
    ["a length of five octets", "308500000000010a"],
    ["a long tag", "1f0100"],
    ["a content that is missing", "3001"],
  ] as const
) {
  Deno.test(`${what} is a DerError`, () => {
    assert.throws(() => readDer(Uint8Array.fromHex(hex)), DerError);
  });
}
