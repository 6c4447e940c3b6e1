import assert from "node:assert/strict";
import { COMMANDS } from "../commands/all.ts";
import { UNKNOWN_COMMAND } from "./activity.ts";
import { commandFamily, isAudited } from "./command_family.ts";

Deno.test("every command of the agent has a family", () => {
  for (const { name } of COMMANDS) assert.notEqual(commandFamily(name), "unknown", name);
  assert.equal(commandFamily(UNKNOWN_COMMAND), "unknown");
});

Deno.test("what acts on the machine is audited, and what only looks is not", () => {
  const audited = COMMANDS.map(({ name }) => name).filter(isAudited);
  for (
    const name of [
      "guest-shutdown",
      "guest-suspend-ram",
      "guest-fsfreeze-freeze",
      "guest-fsfreeze-freeze-list",
      "guest-fsfreeze-thaw",
      "guest-fstrim",
      "guest-exec",
      "guest-file-open",
      "guest-file-read",
      "guest-set-time",
      "guest-set-user-password",
      "guest-ssh-add-authorized-keys",
    ]
  ) {
    assert.ok(audited.includes(name), name);
  }
  for (const name of ["guest-ping", "guest-get-osinfo", "guest-fsfreeze-status", "unknown"]) {
    assert.ok(!isAudited(name), name);
  }
});
