import { deepEqual, match } from "node:assert/strict";
import type { Difference } from "./compare.ts";
import { type AllowedDifference, Ledger } from "./ledger.ts";

const ROW: AllowedDifference = {
  reason: "because",
  of: /^guest-a$/,
  aspect: "value",
  where: /desc$/,
  ours: /new/,
  theirs: /old/,
};
const FOUND: Difference = { aspect: "value", where: "error.desc", ours: "new", theirs: "old" };

Deno.test("a row allows what matches it in all respects", () => {
  deepEqual(new Ledger([ROW]).judge("suite", "guest-a", [FOUND]), []);
  const others: [string, Difference][] = [
    ["guest-b", FOUND],
    ["guest-a", { ...FOUND, aspect: "type" }],
    ["guest-a", { ...FOUND, where: "error.class" }],
    ["guest-a", { ...FOUND, ours: "old" }],
    ["guest-a", { ...FOUND, theirs: "new" }],
  ];
  for (const [of, difference] of others) {
    deepEqual(new Ledger([ROW]).judge("suite", of, [difference]), [difference]);
  }
});

Deno.test("rows that have allowed nothing are told, but for those that depend on the machine", () => {
  const ledger = new Ledger([ROW, { ...ROW, of: /^guest-b$/, dependsOnMachine: true }]);
  deepEqual(ledger.unused(), [ROW]);
  ledger.judge("suite", "guest-a", [FOUND]);
  deepEqual(ledger.unused(), []);
});

Deno.test("the table counts requests by their outcome", () => {
  const ledger = new Ledger([ROW]);
  ledger.judge("suite", "guest-a", []);
  ledger.judge("suite", "guest-a", [FOUND, FOUND]);
  ledger.judge("suite", "guest-a", [FOUND, { ...FOUND, ours: "x" }]);
  match(ledger.table(), /^suite +3 +1 +1 +1$/m);
  match(ledger.table(), /^ +3 {2}because$/m);
});
