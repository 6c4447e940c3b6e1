import { match } from "node:assert/strict";
import type { GuestAgentClient } from "../harness/qemu/guest_agent_client.ts";

const SLOW = { timeoutMs: 120_000 };

/**
 * Has the agent collect its garbage, so that what is left is in use: it does after a request that has left
 * more than six megabytes to V8, such as one with so long a key, which must be a JavaScript string.
 *
 * @throws AssertionError when the reply is not the one for such a request
 */
export async function collectGarbage(client: GuestAgentClient): Promise<void> {
  const key = "x".repeat(7 * 1024 * 1024);
  const [reply] = await Promise.all([client.receiveLine(SLOW), client.send(`{"${key}":1}`)]);
  match(new TextDecoder().decode(reply), /QMP input member 'xxx/);
  await client.sync(SLOW);
}
