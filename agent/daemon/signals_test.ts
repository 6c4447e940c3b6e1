import assert from "node:assert/strict";
import { ignoresHangup } from "./signals.ts";

Deno.test("whether SIGHUP is ignored stands in a process' status", () => {
  assert.equal(ignoresHangup("Name:\tx\nSigIgn:\t0000000000001001\nSigCgt:\t0\n"), true);
  assert.equal(ignoresHangup("Name:\tx\nSigIgn:\t0000000000001000\nSigCgt:\t1\n"), false);
  assert.equal(ignoresHangup("Name:\tx\n"), false);
  assert.equal(ignoresHangup(undefined), false);
});
