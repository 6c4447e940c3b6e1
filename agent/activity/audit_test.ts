import assert from "node:assert/strict";
import { LogRecorder } from "../../tests/harness/log_recorder.ts";
import { COMMANDS } from "../commands/all.ts";
import { isAudited } from "../protocol/command.ts";
import type { Activity } from "./activity.ts";
import { auditor } from "./audit.ts";

function request(command: string, error?: string): Activity {
  const declaration = COMMANDS.find(({ name }) => name === command);
  return {
    kind: "request",
    command,
    family: declaration?.family ?? "unknown",
    isAudited: declaration !== undefined && isAudited(declaration),
    outcome: error === undefined ? "success" : "error",
    error,
    seconds: 0.00123456,
    client: "/dev/vport0p1",
  };
}

Deno.test("what acts on the machine leaves an audit line, and the rest a detail", () => {
  const audit = new LogRecorder();
  const log = new LogRecorder();
  const publish = auditor(audit, log);
  publish(request("guest-fsfreeze-freeze"));
  publish(request("guest-ping"));
  publish({ kind: "received", bytes: 10 });
  assert.deepEqual(audit.lines, [{
    level: "info",
    message: "audit",
    fields: {
      audit: true,
      action: "guest-fsfreeze-freeze",
      outcome: "success",
      seconds: 0.001235,
      client: "/dev/vport0p1",
      error: undefined,
    },
  }]);
  assert.deepEqual(log.lines.map(({ level, fields }) => [level, fields["command"]]), [
    ["debug", "guest-ping"],
  ]);
});

Deno.test("a reason is told where it cannot repeat a secret, and never at length", () => {
  const audit = new LogRecorder();
  const publish = auditor(audit, new LogRecorder());
  publish(request("guest-shutdown", "Talos refused"));
  publish(request("guest-exec", "Parameter 'hunter2' is unexpected"));
  publish(request("guest-fstrim", "x".repeat(1_000_000)));
  const errors = audit.lines.map(({ fields }) => fields["error"]);
  assert.deepEqual(errors, ["Talos refused", undefined, "x".repeat(1_000)]);
});

Deno.test("thaws that no command asked for leave an audit line, too", () => {
  const audit = new LogRecorder();
  const publish = auditor(audit, new LogRecorder());
  publish({ kind: "thaw", reason: "timer", count: 2, frozenSeconds: 60 });
  publish({ kind: "thaw", reason: "command", count: 2, frozenSeconds: 1 });
  publish({ kind: "thaw-failed", reason: "signal", error: "failed to thaw /var" });
  assert.deepEqual(
    audit.lines.map(({ fields }) => [fields["action"], fields["reason"], fields["outcome"]]),
    [["thaw", "timer", "success"], ["thaw", "signal", "error"]],
  );
});

Deno.test("a shutdown that the agent forces itself leaves an audit line, too", () => {
  const audit = new LogRecorder();
  const publish = auditor(audit, new LogRecorder());
  const power = { kind: "power", action: "shutdown", code: "OK", seconds: 0.5 } as const;
  const accepted = { ...power, outcome: "accepted", error: undefined } as const;
  publish({ ...accepted, forced: false, requested: true });
  publish({ ...accepted, forced: true, requested: false });
  publish({ ...power, outcome: "failed", error: "Talos refused", forced: true, requested: false });
  assert.deepEqual(
    audit.lines.map(({ fields }) => [fields["action"], fields["reason"], fields["outcome"]]),
    [["shutdown", "drain-timeout", "success"], ["shutdown", "drain-timeout", "error"]],
  );
});

Deno.test("what acts on the machine is audited, and what only looks is not", () => {
  const audited = COMMANDS.filter(isAudited).map(({ name }) => name);
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
  for (const name of ["guest-ping", "guest-get-osinfo", "guest-fsfreeze-status"]) {
    assert.ok(!audited.includes(name), name);
  }
  assert.ok(COMMANDS.every(({ family }) => family !== "unknown"));
});
