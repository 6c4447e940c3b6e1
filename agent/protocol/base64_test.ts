import { deepEqual, equal, throws } from "node:assert/strict";
import fc from "fast-check";
import type { GrowingBytes } from "../memory/growing_bytes.ts";
import { checkProperty } from "../../tests/harness/property.ts";
import { atOnce } from "../steps.ts";
import { decodeBase64 } from "./base64.ts";
import { QapiError } from "./qapi_error.ts";

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

function decoded(text: string): GrowingBytes {
  return atOnce(decodeBase64(text));
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

/** The rules in the plainest way: each whole quantum by itself. */
function model(text: string): number[] {
  const quanta = text.replaceAll("\n", "").match(/.{4}/g) ?? [];
  return quanta.flatMap((quantum) => {
    const bits = [...quantum]
      .map((letter) => Math.max(0, ALPHABET.indexOf(letter)).toString(2).padStart(6, "0"))
      .join("");
    const bytes = [0, 8, 16].map((at) => Number.parseInt(bits.slice(at, at + 8), 2));
    return bytes.filter((_, index) => index === 0 || quantum[index + 1] !== "=");
  });
}

Deno.test("base64 decodes as QEMU's agent does it", () => {
  const cases: [string, string][] = [
    ["", ""],
    ["YWJj", "abc"],
    ["YWI=", "ab"],
    ["YQ==", "a"],
    ["Y\nW\nJ\nj\n", "abc"],
    ["YQ=\n=", "a"],
    ["YQ==YQ==", "aa"],
    ["YQ==\nYWJj", "aabc"],
    ["YWI", ""],
    ["YQ=", ""],
    ["Y", ""],
    ["=", ""],
    ["YWI=Yw", "ab"],
    ["YR==", "a"],
    ["====", "\0"],
    ["Y===", "`"],
    ["Y=Q=", "`\x04"],
    ["=YWJj", "\x01\x85\x89"],
    ["A=BC", "\0\0B"],
    ["AB=C", "\0\x02"],
    ["Y==QYWJj", "`\x10abc"],
    ["A=B=CDEF", "\0\0\b1\x05"],
  ];
  for (const [text, bytes] of cases) deepEqual(latin1(decoded(text).bytes), bytes, text);
});

Deno.test("other characters are an error, white space but the newline as well", () => {
  for (
    const text of ["YWJj\r\n", " YWJj", "YWJj\t", "YWJ!", "YWJ-", "YWJ_", "é", "\0", "YWJj\u2028"]
  ) {
    throws(() => decoded(text), new QapiError("Base64 data contains invalid characters"));
  }
});

Deno.test("any text of base64's characters decodes quantum by quantum", async () => {
  const characters = fc.constantFrom(..."ABab09+/", "=", "=", "=", "\n");
  const texts = fc.string({ unit: characters, maxLength: 24 });
  await checkProperty("base64 quanta", texts, (text) => {
    deepEqual([...decoded(text).bytes], model(text), JSON.stringify(text));
  }, 2000);
});

Deno.test("whatever was encoded comes back", async () => {
  await checkProperty("base64 round trip", fc.uint8Array({ maxLength: 300 }), (bytes) => {
    deepEqual([...decoded(bytes.toBase64()).bytes], [...bytes]);
  });
});

Deno.test("long text is decoded in steps, which may end anywhere", () => {
  const line = `${"YWJj".repeat(19)}\n`;
  const long = line.repeat(40_000);
  for (
    const text of [
      long,
      `Y${long}`,
      `${long}YQ==\n${long}`,
      `Y=Q=${long}`,
      `Y${"\n".repeat(2 ** 21)}WJj`,
    ]
  ) {
    const steps = decodeBase64(text);
    equal(steps.next().done, false);
    deepEqual([...atOnce(steps).bytes], model(text));
  }
});
