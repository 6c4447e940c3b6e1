import { deepEqual, equal, throws } from "node:assert/strict";
import { compareReplies } from "./compare.ts";

const aspects = (ours: string, theirs: string, volatile?: RegExp): string[] =>
  compareReplies([ours], [theirs], volatile).map(({ aspect, where }) => `${aspect} ${where}`);

Deno.test("replies are the same whatever the order of members", () => {
  deepEqual(aspects('{"return": {"a": 1, "b": [true]}}', '{"return": {"b": [true], "a": 1}}'), []);
  deepEqual(compareReplies([], []), []);
});

Deno.test("each kind of difference is told with its place", () => {
  const cases: [string, string, string][] = [
    ['{"return": 1}', '{"return": 2}', "value return"],
    ['{"return": 1}', '{"return": 1.0}', "type return"],
    ['{"return": 1.50}', '{"return": 1.5}', "value return"],
    ['{"return": 18446744073709551615}', '{"return": 18446744073709551614}', "value return"],
    ['{"return": null}', '{"return": {}}', "type return"],
    ['{"return": []}', '{"return": {}}', "type return"],
    ['{"return": {"a": null}}', '{"return": {}}', "presence return.a"],
    ['{"return": [1]}', '{"return": [1, 2]}', "presence return[1]"],
    ['{"return": [{"name": "a"}]}', '{"return": [{"name": "b"}]}', "presence return[a]"],
    [
      '{"return": [{"name": "a", "x": 1}, {"name": "b"}]}',
      '{"return": [{"name": "b"}, {"name": "a", "x": 2}]}',
      "value return[a].x",
    ],
    ['\xff{"return": 1}', '{"return": 1}', "sentinel "],
    ['{"return": 1}', '{"return": inf}', "syntax "],
    ['{"error": {"desc": "a"}}', '{"error": {"desc": "b"}}', "value error.desc"],
  ];
  for (const [ours, theirs, first] of cases) {
    equal(aspects(ours, theirs)[0], first, ours);
    equal(aspects(ours, ours).length, 0, ours);
  }
  const [difference] = compareReplies(['{"return": 1}'], []);
  equal(difference?.aspect, "replies");
});

Deno.test("the same items in another order are one difference", () => {
  const ours = '{"return": [{"logical-id": 0}, {"logical-id": 1}]}';
  const theirs = '{"return": [{"logical-id": 1}, {"logical-id": 0}]}';
  deepEqual(aspects(ours, theirs), ["order return"]);
});

Deno.test("what is volatile must have the same type", () => {
  const ours = '{"return": {"time": 1, "name": "a"}}';
  deepEqual(aspects(ours, '{"return": {"time": 2, "name": "a"}}', /time$/), []);
  deepEqual(aspects(ours, '{"return": {"time": "2", "name": "a"}}', /time$/), [
    "type return.time",
  ]);
});

Deno.test("a reply of ours must be ASCII and JSON", () => {
  throws(() => aspects('{"return": "é"}', '{"return": "é"}'), /ASCII/);
  throws(() => aspects('{"return": inf}', '{"return": inf}'), SyntaxError);
});
