import assert from "node:assert/strict";
import fc from "fast-check";
import { stringify } from "yaml";
import { checkProperty } from "../../tests/harness/property.ts";
import { ConfigError } from "./config_error.ts";
import { parseYamlFile } from "./yaml_file.ts";

const read = (text: string) => parseYamlFile(text, "/c.yaml");

Deno.test("a scalar is the text that is written, whatever YAML takes it for", async () => {
  const texts = ["1.10", "007", "0x10", "0o17", "1e3", ".5", "+5", "1_000", "12345678901234567890"];
  for (const text of [...texts, "true", "False", "yes", ".inf", ".NaN", "2001-01-01", "<<"]) {
    assert.deepEqual([...await read(`port-name: ${text} # why\n`)], [["port-name", text]]);
    assert.deepEqual([...await read(`port-name: '${text}'\n`)], [["port-name", text]]);
    assert.deepEqual([...await read(`port-name: "${text}"\n`)], [["port-name", text]]);
    assert.deepEqual([...await read(`a: [${text}, '${text}']\n`)], [["a", `${text},${text}`]]);
    assert.deepEqual([...await read(`${text}: x\n`)], [[text, "x"]]);
  }
});

Deno.test("nothing and null are not values, neither of a text nor in a list", async () => {
  for (
    const text of ["path:", "path: null", "path: ~", "path: NULL", "path: [a, null]", "path: {}"]
  ) {
    await assert.rejects(
      read(text),
      (error) =>
        error instanceof ConfigError && /^\/c\.yaml: path must be a text/.test(error.message),
    );
  }
  assert.deepEqual([...await read("path: 'null'\nblock-rpcs: ''\nallow-rpcs: []\n")], [
    ["path", "null"],
    ["block-rpcs", ""],
    ["allow-rpcs", ""],
  ]);
});

Deno.test("anchors, blocks and long lines are read as YAML has them", async () => {
  const text = "a: &x 007\nb: *x\nc: |-\n  1.10\n  2\nd: >-\n  1.10\n  2\ne: &l [01, 02]\nf: *l\n";
  assert.deepEqual([...await read(text)], [
    ["a", "007"],
    ["b", "007"],
    ["c", "1.10\n2"],
    ["d", "1.10 2"],
    ["e", "01,02"],
    ["f", "01,02"],
  ]);
});

Deno.test("any text, in any way to write it, is read as the same text", async () => {
  const numeric = fc.stringMatching(/^[-+]?(0[xo])?[0-9][0-9_.eE]{0,8}$/);
  const text = fc.oneof(fc.string({ unit: "binary" }), fc.string(), numeric);
  const style = fc.constantFrom(
    "PLAIN",
    "QUOTE_SINGLE",
    "QUOTE_DOUBLE",
    "BLOCK_LITERAL",
    "BLOCK_FOLDED",
  );
  await checkProperty("texts", fc.tuple(text, style), async ([text, style]) => {
    // The failsafe schema leaves a number plain, but so it leaves null; and the library that writes a
    // block forgets the indentation that a block of nothing but spaces needs.
    const wrong = style === "PLAIN" ? /^(?:~|[Nn]ull|NULL|)$/ : /^[ \n]*$/;
    const written = stringify({ "port-name": text }, {
      defaultStringType: wrong.test(text) ? "QUOTE_DOUBLE" : style,
      schema: "failsafe",
    });
    assert.deepEqual([...await read(written)], [["port-name", text]], JSON.stringify(written));
  });
});
