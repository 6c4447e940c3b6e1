import assert from "node:assert/strict";
import { checkClock } from "./clock.ts";

const NOW = new Date("2026-01-02T03:04:05.678Z");
const SECONDS = BigInt(Math.floor(NOW.getTime() / 1000));

function check(readHardwareClock: () => bigint, certificateNotBefore?: Date) {
  return checkClock({ now: NOW, readHardwareClock, certificateNotBefore });
}

Deno.test("the clock is compared with the hardware clock", () => {
  const near = check(() => SECONDS - 2n, new Date(0));
  assert.deepEqual(near, {
    name: "clock",
    status: "ok",
    fact: "2026-01-02T03:04:05Z, 2 s from the hardware clock",
    brief: "2 s off",
  });
  const far = check(() => SECONDS + 3600n);
  assert.equal(far.status, "warning");
  assert.match(far.fact, /3600 s/);
  assert.match(far.remedy ?? "", /talosctl time/);
});

Deno.test("no hardware clock is no fault", () => {
  const line = check(() => {
    throw new Error("no such device");
  });
  assert.equal(line.status, "ok");
});

Deno.test("a clock before the client certificate was made is wrong", () => {
  const line = check(() => SECONDS, new Date(NOW.getTime() + 1000));
  assert.equal(line.status, "failed");
});
