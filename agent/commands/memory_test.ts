import assert from "node:assert/strict";
import { Errno, LibcError } from "../linux/libc.ts";
import { QapiError } from "../protocol/qapi_error.ts";
import { FixtureHost } from "../../tests/harness/fixtures/host.ts";
import { guestGetMemoryBlockInfo, guestGetMemoryBlocks, guestSetMemoryBlocks } from "./memory.ts";

const MEMORY = "sys/devices/system/memory";

async function fourBlocks(): Promise<FixtureHost> {
  return await FixtureHost.create({
    [`${MEMORY}/block_size_bytes`]: "8000000\n",
    [`${MEMORY}/memory10/state`]: "online\n",
    [`${MEMORY}/memory10/removable`]: "1\n",
    [`${MEMORY}/memory2/state`]: "going-offline\n",
    [`${MEMORY}/memory2/removable`]: "1\n",
    [`${MEMORY}/memory3/state`]: "offline\n",
    [`${MEMORY}/memory3/removable`]: "1\n",
    [`${MEMORY}/memory0/uevent`]: "",
  });
}

async function set(host: FixtureHost, index: bigint, online: boolean): Promise<unknown> {
  const blocks = [{ "phys-index": index, online }];
  return await guestSetMemoryBlocks.execute({ "mem-blks": blocks }, host.context);
}

Deno.test("memory blocks come by number, with the size of all", async () => {
  await using host = await fourBlocks();
  assert.deepEqual(guestGetMemoryBlocks.execute({}, host.context), [
    { "phys-index": 0, online: true, "can-offline": false },
    { "phys-index": 2, online: false, "can-offline": true },
    { "phys-index": 3, online: false, "can-offline": true },
    { "phys-index": 10, online: true, "can-offline": true },
  ]);
  assert.deepEqual(guestGetMemoryBlockInfo.execute({}, host.context), { size: 0x8000000n });
});

Deno.test("a kernel without memory hotplug has no blocks, and can switch none", async () => {
  await using host = await FixtureHost.create();
  assert.deepEqual(guestGetMemoryBlocks.execute({}, host.context), []);
  const path = `/${MEMORY}/`;
  assert.throws(
    () => guestGetMemoryBlockInfo.execute({}, host.context),
    { message: `open("${path}"): No such file or directory` },
  );
  assert.deepEqual(await set(host, 0n, true), [
    { "phys-index": 0n, response: "operation-not-supported", "error-code": 2 },
  ]);
  await host.plant({ [`${MEMORY}/probe`]: "" });
  assert.throws(
    () => guestGetMemoryBlocks.execute({}, host.context),
    new QapiError("guest reported zero memory blocks!"),
  );
});

Deno.test("each block is switched by itself and has its own response", async () => {
  await using host = await fourBlocks();
  const blocks = [
    { "phys-index": -1n, online: true },
    { "phys-index": 10n, online: false },
    { "phys-index": 0n, online: true },
    { "phys-index": 0n, online: false },
    { "phys-index": 3n, online: true, "can-offline": true },
  ];
  assert.deepEqual(await guestSetMemoryBlocks.execute({ "mem-blks": blocks }, host.context), [
    { "phys-index": 2n ** 64n - 1n, response: "not-found", "error-code": 2 },
    { "phys-index": 10n, response: "success" },
    { "phys-index": 0n, response: "success" },
    { "phys-index": 0n, response: "operation-not-supported", "error-code": 2 },
    { "phys-index": 3n, response: "success" },
  ]);
  assert.match(await host.read(`${MEMORY}/memory10/state`), /^offline/);
  assert.match(await host.read(`${MEMORY}/memory3/state`), /^online/);
});

Deno.test("of more blocks than a turn has, each has its response", async () => {
  await using host = await fourBlocks();
  const blocks = Array.from(
    { length: 200 },
    (_, index) => ({ "phys-index": BigInt(1000 + index), online: true }),
  );
  assert.deepEqual(
    await guestSetMemoryBlocks.execute({ "mem-blks": blocks }, host.context),
    blocks.map(({ "phys-index": index }) => ({
      "phys-index": index,
      response: "not-found",
      "error-code": 2,
    })),
  );
});

Deno.test("a block that the kernel cannot free is a failed operation", async () => {
  await using host = await fourBlocks();
  const busy = () => {
    throw new LibcError("write state", Errno.EBUSY, "Device or resource busy");
  };
  Object.defineProperty(host.context.host.files, "writeText", { value: busy });
  assert.deepEqual(await set(host, 10n, false), [
    { "phys-index": 10n, response: "operation-failed", "error-code": 16 },
  ]);
  assert.deepEqual(await set(host, 10n, true), [{ "phys-index": 10n, response: "success" }]);
});
