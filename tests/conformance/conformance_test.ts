/**
 * Conformance: the compiled executable (scripts/compile) and Debian's qemu-ga 7.2 run side by side, get
 * the same bytes on their unix sockets, and must answer alike.
 *
 *     scripts/test conformance
 *     CONFORMANCE_SEED=1 deno test -A scripts/conformance [--filter guest-file]
 *
 * Suites: every command with right arguments, in one order and shuffled (scenarios.ts), every command
 * with wrong arguments, made out of the declarations of ours (mistakes.ts), and what bytes make which
 * replies, with a thousand randomly changed requests (framing_rows.ts). Replies are compared in their
 * number, types, members, order and values, error texts included; only what keeps changing, such as
 * counters, is compared by its type (`volatile` in a scenario).
 *
 * Where ours is meant to be otherwise stands in differences.ts, with the reason. A row there that allows
 * nothing in a whole run fails the run. The last test prints the results as a table.
 *
 * Both agents run as root, unblocked, and also shut down, freeze, suspend and set the time: the sandbox
 * (see there) keeps them from the machine. It needs root, overlayfs and loop devices.
 */
import { deepEqual } from "node:assert/strict";
import { DIFFERENCES } from "./differences.ts";
import { testFraming } from "./framing.ts";
import { Ledger } from "./ledger.ts";
import { testRightArguments } from "./right_arguments.ts";
import { Tests } from "./tests.ts";
import { TwoAgents } from "./two_agents.ts";
import { testWrongArguments } from "./wrong_arguments.ts";

const seed = Number(Deno.env.get("CONFORMANCE_SEED") ?? Math.floor(Math.random() * 2 ** 31));
console.log(`CONFORMANCE_SEED=${seed}`);

// All interfaces in the kernel's order, as qemu-ga has it; the scenario of guest-shutdown makes the talosconfig.
const OPTIONS = [
  "--interfaces-exclude",
  "",
  "--interfaces-order",
  "kernel",
  "--talosconfig",
  "/run/conformance/talosconfig",
  "--drain-timeout",
  "none",
];

const ledger = new Ledger(DIFFERENCES);
const tests = new Tests();
// A pair for each suite, so that none finds what another has left.
const agents = {
  inOrder: await TwoAgents.start(OPTIONS),
  shuffled: await TwoAgents.start(OPTIONS),
  wrongArguments: await TwoAgents.start(OPTIONS),
  framing: await TwoAgents.start(OPTIONS),
};

testRightArguments(agents, ledger, seed, tests.register);
testWrongArguments(agents.wrongArguments, ledger, tests.register);
testFraming(agents.framing, ledger, seed, tests.register);

Deno.test("every allowed difference still occurs", () => {
  console.log(ledger.table());
  if (tests.allRan) deepEqual(ledger.unused().map(({ reason }) => reason), []);
});

Deno.test.afterAll(async () => {
  for (const pair of Object.values(agents)) await pair[Symbol.asyncDispose]();
});
