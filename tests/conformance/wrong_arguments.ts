import { ok } from "node:assert/strict";
import { COMMANDS } from "../../agent/commands/all.ts";
import { compareReplies } from "./compare.ts";
import { failOn } from "./fail_on.ts";
import type { Ledger } from "./ledger.ts";
import { mistakesIn } from "./mistakes.ts";
import type { RegisterTest } from "./tests.ts";
import type { AgentName, TwoAgents } from "./two_agents.ts";

const SUITE = "wrong arguments";

/**
 * Registers the tests of every command with each argument missing, wrong, unknown and doubled. The
 * requests come out of the declarations of ours; those that a command would run with are left out.
 */
export function testWrongArguments(agents: TwoAgents, ledger: Ledger, test: RegisterTest): void {
  for (const { name, arguments: declarations } of COMMANDS) {
    test(`wrong arguments: ${name}`, async () => {
      const requests = mistakesIn(declarations)
        .map((text) => `{"execute":"${name}","arguments":${text}}\n`);
      ok(requests.length > 0);
      await compare(name, requests, agents, ledger);
    });
  }
  test("wrong arguments: commands that there are not", async () => {
    const names = ["", "guest-nonexistent", "GUEST-PING", "guest_ping", "guest-ping ", "guést"];
    const requests = names.map((name) => `{"execute":${JSON.stringify(name)}}\n`);
    await compare("guest-nonexistent", requests, agents, ledger);
  });
}

async function compare(
  command: string,
  requests: readonly string[],
  agents: TwoAgents,
  ledger: Ledger,
): Promise<void> {
  const ours = await answers(requests, agents, "ours");
  const theirs = await answers(requests, agents, "qemu-ga");
  failOn(requests.map((request, index) => {
    const differences = compareReplies(ours[index] ?? [], theirs[index] ?? []);
    return { sent: request.trim(), differences: ledger.judge(SUITE, command, differences) };
  }));
}

async function answers(
  requests: readonly string[],
  agents: TwoAgents,
  name: AgentName,
): Promise<string[][]> {
  await using connection = await agents.connect(name);
  const lines: string[][] = [];
  for (const request of requests) {
    await connection.send(request);
    lines.push(await connection.settle());
  }
  return lines;
}
