import assert from "node:assert/strict";
import fc from "fast-check";
import { checkProperty } from "../../tests/harness/property.ts";
import type { JsonValue } from "./json_value.ts";
import { JsonWriter, writeJson } from "./json_writer.ts";

Deno.test("values are written as QEMU writes them", () => {
  const cases: readonly (readonly [JsonValue, string])[] = [
    [null, "null"],
    [true, "true"],
    [2n ** 64n - 1n, "18446744073709551615"],
    [-(2n ** 63n), "-9223372036854775808"],
    [1000, "1000"],
    [-0, "-0"],
    [1.5, "1.5"],
    [0.1, "0.10000000000000001"],
    [1e-7, "9.9999999999999995e-08"],
    [123456789012.5, "123456789012.5"],
    [123456789.123456789, "123456789.12345679"],
    [-(2 ** 63), "-9.2233720368547758e+18"],
    [1e22, "1e+22"],
    [1e17, "1e+17"],
    [1e16, "10000000000000000"],
    [0.0001, "0.0001"],
    [0.00001, "1.0000000000000001e-05"],
    [5e-324, "4.9406564584124654e-324"],
    [Number.MAX_VALUE, "1.7976931348623157e+308"],
    [[], "[]"],
    [{}, "{}"],
    [[1n, [2n], { a: null }], '[1, [2], {"a": null}]'],
    [{ x: null, y: { z: true } }, '{"x": null, "y": {"z": true}}'],
    ["é€😀", '"\\u00E9\\u20AC\\uD83D\\uDE00"'],
    ["\u007f\u0000/\b\f\n\r\t\\\"'\u0001", '"\\u007F\\u0000/\\b\\f\\n\\r\\t\\\\\\"\'\\u0001"'],
  ];
  for (const [value, expected] of cases) assert.equal(writeJson(value), expected);
});

Deno.test("a number that JSON does not have is refused", () => {
  for (const value of [NaN, Infinity, -Infinity]) {
    assert.throws(() => writeJson([value]), RangeError);
  }
});

Deno.test("every double comes back from its text, and every text is one line of ASCII", async () => {
  await checkProperty("doubles", fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
    assert.ok(Object.is(Number(writeJson(value)), value));
  });
  const long = fc.string({ unit: "binary", minLength: 100, maxLength: 300 });
  const plain = fc.string({ minLength: 100, maxLength: 300 });
  await checkProperty("strings", fc.oneof(fc.string({ unit: "binary" }), long, plain), (value) => {
    const text = writeJson(value);
    assert.match(text, /^[\x20-\x7e]*$/);
    assert.equal(JSON.parse(text), value);
  });
});

Deno.test("every integer is written in its digits", async () => {
  const integers = fc.oneof(fc.integer(), fc.maxSafeInteger(), fc.constantFrom(0, 9, 10, 2 ** 30));
  await checkProperty("integers", integers, (value) => {
    assert.equal(writeJson(value), `${value}`);
  });
});

Deno.test("a writer writes one value behind the other, and begins again in the same memory", () => {
  const writer = new JsonWriter();
  const text = () => new TextDecoder().decode(writer.written());
  writer.raw("a ");
  writer.write("x".repeat(3000));
  writer.write([1]);
  assert.equal(text(), `a "${"x".repeat(3000)}"[1]`);
  assert.equal(writer.length, 3007);
  const { buffer } = writer.written();
  writer.clear();
  writer.write({ b: "\u00ff" });
  assert.equal(text(), '{"b": "\\u00FF"}');
  assert.equal(writer.written().buffer, buffer);
});
