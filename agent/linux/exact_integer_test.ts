import assert from "node:assert/strict";
import fc from "fast-check";
import { checkProperty } from "../../tests/harness/property.ts";
import { exactInteger } from "./exact_integer.ts";

Deno.test("no digit of an integer is lost", async () => {
  assert.equal(exactInteger("999999999999999"), 999_999_999_999_999);
  assert.equal(exactInteger("1000000000000000"), 1_000_000_000_000_000n);
  const integers = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
  await checkProperty("integers", integers, (integer) => {
    assert.equal(`${exactInteger(`${integer}`)}`, `${integer}`);
  });
});
