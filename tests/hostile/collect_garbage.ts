import { match } from "node:assert/strict";
import type { GuestAgentClient } from "../harness/qemu/guest_agent_client.ts";
import type { ProcessFigures } from "./process_figures.ts";

const SLOW = { timeoutMs: 120_000 };

/** The agent collects once it was idle for a second. */
const MOST_MS = 5_000;
const PAUSE_MS = 250;

/**
 * Has the agent collect its garbage, so that what is left is in use: it does after a request that has left
 * more than six megabytes to V8, such as one with so long a key, which must be a JavaScript string.
 *
 * @param figures takes the agent's figures
 * @returns those with the least memory in the seconds after
 * @throws AssertionError when the reply is not the one for such a request
 */
export async function collectGarbage(
  client: GuestAgentClient,
  figures: () => Promise<ProcessFigures>,
): Promise<ProcessFigures> {
  const key = "x".repeat(7 * 1024 * 1024);
  const [reply] = await Promise.all([client.receiveLine(SLOW), client.send(`{"${key}":1}`)]);
  match(new TextDecoder().decode(reply), /QMP input member 'xxx/);
  await client.sync(SLOW);
  let least = await figures();
  for (const end = performance.now() + MOST_MS; performance.now() < end;) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    const now = await figures();
    if (now.anonymousMiB < least.anonymousMiB) least = now;
  }
  return least;
}
