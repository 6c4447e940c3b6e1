import assert from "node:assert/strict";
import { Errno, LibcError } from "../linux/libc.ts";
import { QapiError } from "../protocol/qapi_error.ts";
import { FixtureHost } from "../../tests/harness/fixtures/host.ts";
import { guestSuspendDisk, guestSuspendHybrid, guestSuspendRam } from "./suspend.ts";

const STATE = "sys/power/state";
const SWAPS = "proc/swaps";
const NO_SWAP = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
const SWAP = `${NO_SWAP}/dev/vda7                               partition\t1048572\t\t0\t\t-2\n`;
const NOT_SUPPORTED = new QapiError("the requested suspend mode is not supported by the guest");

Deno.test("a mode that the kernel lists is written to /sys/power/state, without a reply", async () => {
  await using host = await FixtureHost.create({ [STATE]: "freeze mem disk\n", [SWAPS]: SWAP });
  guestSuspendDisk.execute({}, host.context);
  assert.match(await host.read(STATE), /^disk/);
  await host.plant({ [STATE]: "freeze mem disk\n" });
  guestSuspendRam.execute({}, host.context);
  assert.match(await host.read(STATE), /^mem/);
  assert.deepEqual([guestSuspendDisk.reply, guestSuspendRam.reply], ["none", "none"]);
});

Deno.test("a mode that the kernel does not list is not supported, and hybrid never is", async () => {
  await using host = await FixtureHost.create();
  const { context } = host;
  assert.throws(() => guestSuspendRam.execute({}, context), NOT_SUPPORTED);
  await host.plant({ [STATE]: "freeze memory\n" });
  assert.throws(() => guestSuspendRam.execute({}, context), NOT_SUPPORTED);
  assert.throws(() => guestSuspendDisk.execute({}, context), NOT_SUPPORTED);
  await host.plant({ [STATE]: "freeze mem disk\n" });
  assert.throws(() => guestSuspendHybrid.execute({}, context), NOT_SUPPORTED);
  assert.equal(await host.read(STATE), "freeze mem disk\n");
});

Deno.test("without swap there is no suspend to disk, and nothing is tried", async () => {
  await using host = await FixtureHost.create({ [STATE]: "mem disk\n" });
  const noSwap = new QapiError(`${NOT_SUPPORTED.message}: it has no swap to hibernate to`);
  assert.throws(() => guestSuspendDisk.execute({}, host.context), noSwap);
  await host.plant({ [SWAPS]: NO_SWAP });
  assert.throws(() => guestSuspendDisk.execute({}, host.context), noSwap);
  assert.equal(await host.read(STATE), "mem disk\n");
  guestSuspendRam.execute({}, host.context);
  assert.match(await host.read(STATE), /^mem/);
});

Deno.test("a suspend that the kernel refuses is told with the reason", async () => {
  await using host = await FixtureHost.create({ [STATE]: "mem\n" });
  const busy = () => {
    throw new LibcError("write", Errno.EBUSY, "Device or resource busy");
  };
  Object.defineProperty(host.context.host.files, "writeText", { value: busy });
  assert.throws(
    () => guestSuspendRam.execute({}, host.context),
    /^QapiError: failed to suspend: Device or resource busy$/,
  );
});
