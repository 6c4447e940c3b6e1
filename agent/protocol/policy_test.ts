import assert from "node:assert/strict";
import { defineCommand } from "./command.ts";
import { Policy } from "./policy.ts";

const command = (name: string, reason?: string) =>
  defineCommand({
    name,
    summary: "",
    since: "0.15",
    arguments: {},
    reply: "value",
    defaultPolicy: reason === undefined ? { enabled: true } : { enabled: false, reason },
  }, () => null);

const open = command("guest-ping");
const closed = command("guest-exec", "unblock it with --block-rpcs=''");
const NOT_ALLOWED = "the command is not allowed";

Deno.test("without lists the commands' own defaults count", () => {
  const policy = new Policy({ allow: undefined, block: undefined });
  assert.equal(policy.whyDisabled(open), undefined);
  assert.equal(policy.whyDisabled(closed), "unblock it with --block-rpcs=''");
});

Deno.test("a block list takes the place of the defaults, also an empty one", () => {
  const empty = new Policy({ allow: undefined, block: [] });
  assert.equal(empty.whyDisabled(closed), undefined);
  const policy = new Policy({ allow: undefined, block: ["guest-ping", "unknown"] });
  assert.equal(policy.whyDisabled(open), NOT_ALLOWED);
  assert.equal(policy.whyDisabled(closed), undefined);
});

Deno.test("an allow list lets nothing else run, and a block list beats it", () => {
  const policy = new Policy({ allow: ["guest-exec"], block: undefined });
  assert.equal(policy.whyDisabled(open), NOT_ALLOWED);
  assert.equal(policy.whyDisabled(closed), undefined);
  const none = new Policy({ allow: [], block: undefined });
  assert.equal(none.whyDisabled(open), NOT_ALLOWED);
  const both = new Policy({ allow: ["guest-ping"], block: ["guest-ping"] });
  assert.equal(both.whyDisabled(open), NOT_ALLOWED);
});

Deno.test("while frozen only what is declared so runs, whatever the lists say", () => {
  let frozen = false;
  const policyWith = (block: readonly string[]) =>
    new Policy({ allow: undefined, block }, () => frozen);
  const thaw = { ...command("thaw"), whileFrozen: "always" } as const;
  const shutdown = { ...command("shutdown"), whileFrozen: "as-allowed" } as const;
  const policy = policyWith(["thaw"]);
  assert.equal(policy.whyDisabled(thaw), NOT_ALLOWED);
  frozen = true;
  assert.equal(policy.whyDisabled(thaw), undefined);
  assert.equal(policy.whyDisabled(open), "the agent is in frozen state");
  assert.equal(policy.whyDisabled(shutdown), undefined);
  assert.equal(policyWith(["shutdown"]).whyDisabled(shutdown), NOT_ALLOWED);
  frozen = false;
  assert.equal(policy.whyDisabled(open), undefined);
});
