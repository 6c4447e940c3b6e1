import assert from "node:assert/strict";
import { COMMANDS } from "../commands/all.ts";
import { checkCapabilities } from "./capabilities.ts";

const SAFE = COMMANDS.filter(({ name }) => name !== "guest-set-time");

function statuses(uid: number, capabilities: string, commands = SAFE): Record<string, string> {
  const status = `Name:\tcheck\nUid:\t1\t${uid}\t1\t1\nCapEff:\t${capabilities}\n`;
  const lines = checkCapabilities(status, commands);
  return Object.fromEntries(lines.map((line) => [line.name, line.status]));
}

Deno.test("root with all capabilities is well", () => {
  const all = { user: "ok", CAP_SYS_ADMIN: "ok", CAP_SYS_TIME: "ok" };
  assert.deepEqual(statuses(0, "000001ffffffffff", [...COMMANDS]), all);
});

Deno.test("what a command that may run needs is missed, and nothing else", () => {
  const none = "0000000000000000";
  assert.deepEqual(statuses(1000, none), {
    user: "warning",
    CAP_SYS_ADMIN: "failed",
    CAP_SYS_TIME: "ok",
  });
  assert.equal(statuses(0, none, [...COMMANDS])["CAP_SYS_TIME"], "warning");
  // CAP_SYS_ADMIN is bit 21.
  assert.equal(statuses(0, "0000000000200000", [...COMMANDS])["CAP_SYS_ADMIN"], "ok");
  assert.equal(statuses(0, none, [])["CAP_SYS_ADMIN"], "ok");
});

Deno.test("the capabilities of all commands are known", () => {
  const known = Object.keys(statuses(0, "0"));
  for (const { name, capability } of COMMANDS) {
    if (capability !== undefined) assert.ok(known.includes(capability), name);
  }
});
