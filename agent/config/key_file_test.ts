import assert from "node:assert/strict";
import fc from "fast-check";
import { checkProperty } from "../../tests/harness/property.ts";
import { ConfigError } from "./config_error.ts";
import { formatKeyFile, parseKeyFile } from "./key_file.ts";

Deno.test("a key file is read as GLib reads it", () => {
  const text = [
    "# a comment",
    "",
    "[other]",
    "path=/no",
    "[general]\r",
    "  path = /a\\sb\\\\c  ",
    "empty=",
    "equals=a=b",
    "path-procfs=/p",
    "path-procfs=/q",
  ].join("\n");
  assert.deepEqual(Object.fromEntries(parseKeyFile(text, "f")), {
    path: "/a b\\c",
    empty: "",
    equals: "a=b",
    "path-procfs": "/q",
  });
});

Deno.test("a line of another shape is an error with its number", () => {
  for (const text of ["[general]\npath", "\npath=/x", "[general]\n=x"]) {
    assert.throws(() => parseKeyFile(text, "/f"), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.match(error.message, /^\/f:2: expected \[general\] and then key=value, found: ./);
      return true;
    });
  }
});

Deno.test("what is written is read back, whatever the values", async () => {
  const values = fc.dictionary(
    fc.stringMatching(/^[a-z]+(-[a-z]+)*$/),
    fc.string({ unit: "binary" }),
  );
  await checkProperty("key files", values, (given) => {
    const read = parseKeyFile(formatKeyFile(Object.entries(given)), "f");
    assert.deepEqual([...read], Object.entries(given));
  });
});
