import { deepEqual } from "node:assert/strict";
import { DIFFERENCES } from "./differences.ts";
import { testFraming } from "./framing.ts";
import { Ledger } from "./ledger.ts";
import { testRightArguments } from "./right_arguments.ts";
import { testWrongArguments } from "./wrong_arguments.ts";
import { TwoAgents } from "./two_agents.ts";

const seed = Number(Deno.env.get("CONFORMANCE_SEED") ?? Math.floor(Math.random() * 2 ** 31));
console.log(`CONFORMANCE_SEED=${seed}`);

const OPTIONS = [
  "--interfaces-exclude",
  "",
  "--talosconfig",
  "/run/conformance/talosconfig",
  "--drain-timeout",
  "none",
];
const ledger = new Ledger(DIFFERENCES);
const agents = {
  inOrder: await TwoAgents.start(OPTIONS),
  shuffled: await TwoAgents.start(OPTIONS),
  wrongArguments: await TwoAgents.start(OPTIONS),
  framing: await TwoAgents.start(OPTIONS),
};

testRightArguments(agents, ledger, seed);
testWrongArguments(agents.wrongArguments, ledger);
testFraming(agents.framing, ledger, seed);

Deno.test("every allowed difference still occurs", () => {
  console.log(ledger.table());
  deepEqual(ledger.unused().map(({ reason }) => reason), []);
});

Deno.test.afterAll(async () => {
  for (const pair of Object.values(agents)) await pair[Symbol.asyncDispose]();
});
