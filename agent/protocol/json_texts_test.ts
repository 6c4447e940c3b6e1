import { equal, ok } from "node:assert/strict";
import fc from "fast-check";
import { GrowingBytes } from "../memory/growing_bytes.ts";
import { checkProperty } from "../../tests/harness/property.ts";
import { joined } from "../../tests/harness/joined_texts.ts";
import { jsonTexts, LONGEST_PIECE } from "./json_texts.ts";
import type { JsonValue } from "./json_value.ts";
import { writeJson } from "./json_writer.ts";

const unit = fc.constantFrom("a", '"', "\\", "\n", "\u007f", "\u00e9", "\u20ac", "\u{1f600}");
const text = fc.oneof(fc.string({ unit }), fc.string({ unit, minLength: 1000, maxLength: 3000 }));
const { tree: anyJson } = fc.letrec<{ tree: JsonValue }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(null, true, 0n, -1.5),
    text,
    fc.array(tie("tree"), { maxLength: 4 }),
    fc.dictionary(text, tie("tree"), { maxKeys: 4 }),
  ),
}));

Deno.test("the pieces make the text that the writer makes, and none is long", async () => {
  await checkProperty("pieces", anyJson, (value) => {
    const pieces = Array.from(jsonTexts(value));
    equal(joined(pieces), writeJson(value));
    ok(pieces.every(({ length }) => length <= LONGEST_PIECE));
  });
});

Deno.test("bytes become base64, whatever their number", async () => {
  await checkProperty("bytes", fc.nat(150_000), (length) => {
    using bytes = new GrowingBytes(length);
    bytes.append(Uint8Array.from({ length }, (_, index) => index * 7));
    const expected = `{"n": 1, "b": "${bytes.bytes.toBase64()}", "e": true}`;
    equal(joined(jsonTexts({ n: 1, b: bytes, e: true })), expected);
  }, 30);
});

Deno.test("a tree as deep as a request can be takes no deep stack", () => {
  const depth = 100_000;
  let value: JsonValue = [];
  for (let count = 1; count < depth; count++) value = [value];
  equal(joined(jsonTexts(value)), "[".repeat(depth) + "]".repeat(depth));
});
