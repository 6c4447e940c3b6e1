import { compareReplies } from "./compare.ts";
import { failOn } from "./fail_on.ts";
import { FRAMING_ROWS, type FramingRow, mutatedRequests, type Piece } from "./framing_rows.ts";
import type { Ledger } from "./ledger.ts";
import type { RegisterTest } from "./tests.ts";
import type { AgentName, TwoAgents } from "./two_agents.ts";

const SUITE = "framing";
const MUTATIONS = 1000;
const SHOWN = 300;

/**
 * Registers the tests of what bytes make which replies. Each input has a connection of its own. At its
 * end the agents are made to forget what is left of it, which qemu-ga would take for the beginning of
 * what the next client sends.
 */
export function testFraming(
  agents: TwoAgents,
  ledger: Ledger,
  seed: number,
  test: RegisterTest,
): void {
  for (const row of FRAMING_ROWS) {
    test(`framing: ${row.name}`, () => compare(row, agents, ledger));
  }
  test(
    `framing: mutated requests (CONFORMANCE_SEED=${seed})`,
    () => compare(mutatedRequests(seed, MUTATIONS), agents, ledger),
  );
}

async function compare(row: FramingRow, agents: TwoAgents, ledger: Ledger): Promise<void> {
  const found = [];
  for (const input of row.inputs) {
    const ours = await answers(input, agents, "ours");
    const theirs = await answers(input, agents, "qemu-ga");
    const differences = ledger.judge(SUITE, row.name, compareReplies(ours, theirs));
    found.push({ sent: showInput(input), differences });
  }
  failOn(found);
}

async function answers(
  input: readonly Piece[],
  agents: TwoAgents,
  name: AgentName,
): Promise<string[]> {
  await using connection = await agents.connect(name);
  const lines: string[] = [];
  for (const { bytes, linesBeforeNext } of input) {
    await connection.send(bytes);
    for (let line = 0; line < linesBeforeNext; line++) lines.push(await connection.receiveLine());
  }
  return [...lines, ...await connection.settle({ reset: true })];
}

function showInput(input: readonly Piece[]): string {
  const latin1 = new TextDecoder("latin1");
  return input.map(({ bytes }) => JSON.stringify(latin1.decode(bytes.subarray(0, SHOWN)))).join();
}
