import { equal } from "node:assert/strict";
import { COMMANDS } from "../../agent/commands/all.ts";
import { compareReplies } from "./compare.ts";
import { failOn } from "./fail_on.ts";
import type { Ledger } from "./ledger.ts";
import { parseReply, type ReplyValue } from "./reply.ts";
import { replyFaults } from "./reply_types.ts";
import type { Scenario, Step } from "./scenario.ts";
import { SCENARIOS } from "./scenarios.ts";
import { shuffled } from "../harness/random.ts";
import type { RegisterTest } from "./tests.ts";
import type { AgentConnection, AgentName, TwoAgents } from "./two_agents.ts";

/** What an agent has made of a scenario. */
interface Performance {
  /** The lines that came back, by step. */
  readonly lines: readonly (readonly string[])[];
  readonly left: string;
}

/**
 * Registers the tests of every command with right arguments, in the order of the table and shuffled.
 *
 * @param agents one pair for each of the two orders
 */
export function testRightArguments(
  agents: { readonly inOrder: TwoAgents; readonly shuffled: TwoAgents },
  ledger: Ledger,
  seed: number,
  test: RegisterTest,
): void {
  test("right arguments: every command has a scenario", () => {
    const covered = new Set(
      SCENARIOS.flatMap(({ steps }) => steps.map(({ command }) => command)),
    );
    const missing = COMMANDS.filter(({ name }) => !covered.has(name)).map(({ name }) => name);
    equal(missing.join(), "");
  });
  for (const scenario of SCENARIOS) {
    test(`right arguments: ${scenario.name}`, () =>
      compare("right arguments", scenario, agents.inOrder, ledger));
  }
  for (const scenario of shuffled(SCENARIOS, seed)) {
    test(`right arguments, shuffled (CONFORMANCE_SEED=${seed}): ${scenario.name}`, () =>
      compare("right arguments, shuffled", scenario, agents.shuffled, ledger));
  }
}

async function compare(
  suite: string,
  scenario: Scenario,
  agents: TwoAgents,
  ledger: Ledger,
): Promise<void> {
  const ours = await perform(scenario, agents, "ours");
  equal(typeFaults(scenario, ours), "");
  if (scenario.oursAlone !== undefined) {
    const [line = ""] = ours.lines.at(-1) ?? [];
    const differences = compareReplies([line], [`{"return": ${scenario.oursAlone}}`]);
    failOn([{ sent: line, differences: ledger.judge(suite, "ours alone", differences) }]);
    return;
  }
  const theirs = await perform(scenario, agents, "qemu-ga");
  // The types are those of the schema, since its own agent keeps to them.
  equal(typeFaults(scenario, theirs), "");
  failOn(scenario.steps.map(({ command, volatile }, index) => {
    const differences = compareReplies(
      ours.lines[index] ?? [],
      theirs.lines[index] ?? [],
      volatile,
    );
    const sent = `step ${index}: ${command}`;
    return { sent, differences: ledger.judge(suite, command, differences) };
  }));
  equal(ours.left, theirs.left);
}

/** Where replies are not of the types that the schema declares. */
function typeFaults({ steps }: Scenario, { lines }: Performance): string {
  return steps.flatMap(({ command }, index) =>
    (lines[index] ?? []).flatMap((line) => replyFaults(command, parseReply(line)))
  ).join("\n");
}

async function perform(
  { steps, prepare, inspect }: Scenario,
  agents: TwoAgents,
  name: AgentName,
): Promise<Performance> {
  await using _prepared = await prepare?.(agents.directory) ?? undefined;
  await using connection = await agents.connect(name);
  const lines: string[][] = [];
  const replies: ReplyValue[] = [];
  for (const step of steps) {
    const answer = await ask(connection, step, replies);
    lines.push(answer);
    const [line] = answer;
    replies.push(line === undefined ? null : parseReply(line));
  }
  return { lines, left: await inspect?.(agents.directory) ?? "" };
}

async function ask(
  connection: AgentConnection,
  { command, arguments: args, until }: Step,
  replies: readonly ReplyValue[],
): Promise<string[]> {
  const text = typeof args === "function" ? args(replies) : args;
  const request = `{"execute":"${command}"${text === undefined ? "" : `,"arguments":${text}`}}\n`;
  for (;;) {
    await connection.send(request);
    const lines = await connection.settle();
    const [line] = lines;
    if (until === undefined || line === undefined || until(parseReply(line))) return lines;
    // The program that is asked about needs the processor, too.
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
