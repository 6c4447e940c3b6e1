import { deepEqual, equal } from "node:assert/strict";
import { parseExactJson, stringifyExactJson } from "./exact_json.ts";

Deno.test("integers keep all their digits, both ways", () => {
  const text =
    '{"a":18446744073709551615,"b":[-9223372036854775808,1],"c":1.5,"d":"9007199254740993"}';
  const value = parseExactJson(text);
  deepEqual(value, {
    a: 18446744073709551615n,
    b: [-9223372036854775808n, 1],
    c: 1.5,
    d: "9007199254740993",
  });
  equal(stringifyExactJson(value), text);
});

Deno.test("a number that is not an integer stays a number", () => {
  deepEqual(parseExactJson("[1e300, 0.1]"), [1e300, 0.1]);
});
