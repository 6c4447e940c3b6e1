import assert from "node:assert/strict";
import { FixtureHost } from "../../tests/harness/fixtures/host.ts";
import { readMemoryBlocks } from "./memory_blocks.ts";

const MEMORY = "sys/devices/system/memory";

Deno.test("whether a block can be taken offline is the same of all that have a state", async () => {
  await using host = await FixtureHost.create({
    [`${MEMORY}/memory0/uevent`]: "",
    [`${MEMORY}/memory1/state`]: "online\n",
    [`${MEMORY}/memory1/removable`]: "1\n",
    [`${MEMORY}/memory2/state`]: "online\n",
    [`${MEMORY}/memory2/removable`]: "0\n",
    [`${MEMORY}/memory3/state`]: "offline\n",
  });
  assert.deepEqual(readMemoryBlocks(host.context.host), [
    { index: 0, online: true, canOffline: false },
    { index: 1, online: true, canOffline: true },
    { index: 2, online: true, canOffline: true },
    { index: 3, online: false, canOffline: true },
  ]);
});
