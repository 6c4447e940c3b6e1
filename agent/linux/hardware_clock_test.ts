import assert from "node:assert/strict";
import fc from "fast-check";
import { checkProperty } from "../../tests/harness/property.ts";
import { TemporaryDirectory } from "../../tests/harness/temporary_directory.ts";
import { fromRtcTime, readHardwareClock, setHardwareClock, toRtcTime } from "./hardware_clock.ts";
import { Libc, LibcError } from "./libc.ts";

Deno.test("a time is split as the kernel's struct rtc_time has it", () => {
  // Thursday, 29 February 2024, 23:59:58 UTC: the 60th day of the year.
  assert.deepEqual([...toRtcTime(1_709_251_198n)], [58, 59, 23, 29, 1, 124, 4, 59, 0]);
  assert.deepEqual([...toRtcTime(0n)], [0, 0, 0, 1, 0, 70, 4, 0, 0]);
});

Deno.test("every time comes back", async () => {
  await checkProperty(
    "rtc_time round trip",
    fc.bigInt({ min: 0n, max: 3_155_759_999n }),
    (seconds) => assert.equal(fromRtcTime(toRtcTime(seconds)), seconds),
  );
});

Deno.test("what is not a clock is refused by the kernel", async () => {
  await using directory = await TemporaryDirectory.create();
  const device = await directory.write("rtc0", "");
  using libc = new Libc();
  const refused = (name: string) => (error: unknown) => {
    assert.ok(error instanceof LibcError);
    assert.equal(error.message, `${name} on ${device}: Inappropriate ioctl for device`);
    return true;
  };
  assert.throws(() => readHardwareClock(libc, device), refused("RTC_RD_TIME"));
  assert.throws(() => setHardwareClock(libc, device, 0n), refused("RTC_SET_TIME"));
});
