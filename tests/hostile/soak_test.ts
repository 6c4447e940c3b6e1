import { collectGarbage } from "./collect_garbage.ts";
import { deepEqual, equal, match } from "node:assert/strict";
import { ContainedAgent } from "../memory/contained_agent.ts";
import type { GuestAgentClient } from "../harness/qemu/guest_agent_client.ts";
import {
  assertNoGrowth,
  describeFigures,
  type ProcessFigures,
  readFigures,
} from "./process_figures.ts";

/** How long a hypervisor's habits are played, in days; `SOAK_DAYS=7` is a week. */
const DAYS = Number(Deno.env.get("SOAK_DAYS") ?? 1);
const LIMIT_MIB = 64;
const SLOW = { timeoutMs: 60_000 };

const HOUR = 3600;
const DAY = 24 * HOUR;
/** All intervals are multiples of it, in seconds. */
const STEP = 5;
/** When the backup is made, and when the first figures are taken: all has been done once by then. */
const BACKUP_AT = 2 * HOUR;
const FIRST_FIGURES_AT = 4 * HOUR;

async function figuresOf(agent: ContainedAgent): Promise<ProcessFigures> {
  await using client = await agent.client();
  return await collectGarbage(client, () => Promise.resolve(readFigures(agent.agent.pid)));
}

async function backUp(client: GuestAgentClient): Promise<void> {
  await client.execute("guest-get-fsinfo", undefined, SLOW);
  equal(await client.execute("guest-fsfreeze-freeze", undefined, SLOW), 1);
  equal(await client.execute("guest-fsfreeze-status", undefined, SLOW), "frozen");
  equal(await client.execute("guest-fsfreeze-thaw", undefined, SLOW), 1);
}

Deno.test("after days of a hypervisor's habits nothing has grown", async () => {
  await using agent = await ContainedAgent.start(LIMIT_MIB, []);
  let before: ProcessFigures | undefined;
  const done = { pings: 0, interfaces: 0, scrapes: 0, backups: 0 };
  for (let hour = 0; hour < DAYS * DAY; hour += HOUR) {
    if (hour === FIRST_FIGURES_AT) before = await figuresOf(agent);
    if (hour > 0 && hour % DAY === 0) {
      console.log(`day ${hour / DAY}: ${describeFigures(await figuresOf(agent))}`);
    }
    // Hypervisors come and go.
    await using client = await agent.client();
    await client.sync(SLOW);
    for (let second = hour; second < hour + HOUR; second += STEP) {
      if (second % 10 === 0) {
        deepEqual(await client.execute("guest-ping", undefined, SLOW), {});
        done.pings++;
      }
      if (second % 30 === 0) {
        await client.execute("guest-network-get-interfaces", undefined, SLOW);
        done.interfaces++;
      }
      if (second % 15 === 0) {
        match(await agent.scrape(), /^qga_/m);
        done.scrapes++;
      }
      if (second % DAY === BACKUP_AT) {
        await backUp(client);
        done.backups++;
      }
    }
  }
  const after = await figuresOf(agent);
  console.log(
    `${DAYS} days: ${JSON.stringify(done)}; ${before && describeFigures(before)} after ` +
      `${FIRST_FIGURES_AT / HOUR} hours, ${describeFigures(after)} at the end, ` +
      `working set ${agent.cgroup.memory().workingSet.toFixed(1)} MiB`,
  );
  if (before !== undefined) assertNoGrowth(before, after);
  equal(agent.cgroup.kills(), 0);
});
