import assert from "node:assert/strict";
import fc from "fast-check";
import { GrowingBytes } from "../memory/growing_bytes.ts";
import { atOnce } from "../steps.ts";
import { checkProperty } from "../../tests/harness/property.ts";
import { alternate, base64, boolean, enumeration, string } from "./argument_type.ts";
import { decodeBase64 } from "./base64.ts";
import { joined } from "../../tests/harness/joined_texts.ts";
import { jsonTexts } from "./json_texts.ts";
import { isJsonObject } from "./json_value.ts";
import { writeJson } from "./json_writer.ts";
import { LongString } from "./long_string.ts";

/** What is plain ASCII is marked so, as the reader of JSON does. */
function longString(text: string): LongString {
  const bytes = new TextEncoder().encode(text);
  const utf8 = new GrowingBytes(bytes.length);
  utf8.append(bytes);
  return new LongString(utf8, /^[ !#-[\]-\x7f]*$/.test(text));
}

Deno.test("a long string is written as the text that it stands for", async () => {
  const unit = fc.constantFrom("a", "b", " ", "\u007f");
  const part = fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit }));
  const texts = fc.array(part, { minLength: 1, maxLength: 4 })
    .map((parts) => parts.map((part) => part.toWellFormed().repeat(3_000)).join(""));
  await checkProperty("long strings", texts, (text) => {
    using long = longString(text);
    assert.equal(joined(jsonTexts(long)), writeJson(text));
    assert.equal(long.wasDecoded, false);
    assert.equal(writeJson(long), writeJson(text));
    assert.equal(long.wasDecoded, true);
  }, 30);
});

Deno.test("base64 of a long string is decoded without a JavaScript string of it", () => {
  const line = `${"QUJD".repeat(19)}\n`;
  for (const text of [line.repeat(3_000), `${line.repeat(2_000)}QQ==${line.repeat(2_000)}`]) {
    using long = longString(text);
    using decoded = atOnce(decodeBase64(long));
    using expected = atOnce(decodeBase64(text));
    assert.deepEqual(decoded.bytes, expected.bytes);
    assert.equal(long.wasDecoded, false);
  }
  using wrong = longString(`${line.repeat(2_000)}é`);
  assert.throws(() => atOnce(decodeBase64(wrong)), /invalid characters/);
});

Deno.test("every type of an argument takes a long string for the string that it is", () => {
  using long = longString("x".repeat(100_000));
  assert.equal(string().check(long, "a"), "x".repeat(100_000));
  assert.equal(base64().check(long, "a"), long);
  assert.throws(() => enumeration("E", ["a"]).check(long, "a"), /does not accept value 'xxx/);
  assert.throws(() => boolean().check(long, "a"), /Invalid parameter type for 'a'/);
  const either = alternate("A", { boolean: boolean(), string: string() });
  assert.equal(either.check(long, "a"), "x".repeat(100_000));
  assert.equal(isJsonObject(long), false);
  using longer = longString("x".repeat(2 * 1024 * 1024 + 1));
  assert.throws(() => string().check(longer, "a.b"), /^QapiError: Parameter 'a.b' is too long/);
  assert.equal(longer.wasDecoded, false);
});
