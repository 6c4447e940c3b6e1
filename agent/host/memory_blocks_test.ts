import assert from "node:assert/strict";
import { FixtureHost } from "../../tests/harness/fixtures/host.ts";
import { readMemoryBlocks } from "./memory_blocks.ts";

const MEMORY = "sys/devices/system/memory";

function readBlocks({ context: { host } }: FixtureHost, kernelRelease: string): unknown {
  return readMemoryBlocks(host.files, host.roots.sysfs, kernelRelease);
}

Deno.test("whether a block can be taken off line is each one's own until Linux 5.8", async () => {
  await using host = await FixtureHost.create({
    [`${MEMORY}/memory0/uevent`]: "",
    [`${MEMORY}/memory1/state`]: "online\n",
    [`${MEMORY}/memory1/removable`]: "1\n",
    [`${MEMORY}/memory2/state`]: "online\n",
    [`${MEMORY}/memory2/removable`]: "0\n",
    [`${MEMORY}/memory3/state`]: "offline\n",
  });
  const blocks = (two: boolean, three: boolean) => [
    { index: 0, online: true, canOffline: false },
    { index: 1, online: true, canOffline: true },
    { index: 2, online: true, canOffline: two },
    { index: 3, online: false, canOffline: three },
  ];
  assert.deepEqual(readBlocks(host, "5.7.19"), blocks(false, false));
  assert.deepEqual(readBlocks(host, "5.8.0-rc1"), blocks(true, true));
  assert.deepEqual(readBlocks(host, "6.12.48-talos"), blocks(true, true));
});
