import { deepEqual, equal, ok } from "node:assert/strict";
import {
  array,
  boolean,
  integer,
  optional,
  required,
  string,
  struct,
} from "../../agent/protocol/argument_type.ts";
import { isValid, mistakesIn } from "./mistakes.ts";

const DECLARATIONS = {
  id: required(integer()),
  list: optional(array(struct("Item", { on: required(boolean()), name: optional(string()) }))),
};

Deno.test("every mistake is there, within structs and arrays, too", () => {
  const mistakes = new Set(mistakesIn(DECLARATIONS));
  const expected = [
    "null",
    "{}",
    '{"id":null}',
    '{"id":1.0}',
    '{"id":9223372036854775808}',
    '{"id":1,"id":1}',
    '{"id":1,"unknown":1}',
    '{"unknown":1}',
    '{"id":1,"list":{}}',
    '{"id":1,"list":[1]}',
    '{"id":1,"list":[{}]}',
    '{"id":1,"list":[{"on":"text"}]}',
    '{"id":1,"list":[{"on":true},{"on":true,"name":null}]}',
    '{"id":1,"list":[{"on":true,"on":true}]}',
  ];
  deepEqual(expected.filter((text) => !mistakes.has(text)), []);
});

Deno.test("none of them is a request that would run", () => {
  const mistakes = mistakesIn(DECLARATIONS);
  ok(mistakes.length > 100);
  for (const text of mistakes) equal(isValid(DECLARATIONS, text), false, text);
  equal(isValid(DECLARATIONS, '{"id":1,"list":[{"on":true}]}'), true);
  // All that a command without arguments must refuse.
  ok(!mistakesIn({}).includes("{}"));
  ok(mistakesIn({}).includes('{"unknown":1}'));
});
