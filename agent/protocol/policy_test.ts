import assert from "node:assert/strict";
import { type AccessRule, type AnyCommandDeclaration, defineCommand } from "./command.ts";
import { Policy, type PolicyLists } from "./policy.ts";

const command = (name: string, byDefault?: AccessRule): AnyCommandDeclaration =>
  defineCommand(
    {
      name,
      summary: "",
      since: "0.15",
      arguments: {},
      reply: "value",
      family: "information",
      ...(byDefault === undefined ? {} : { byDefault }),
    },
    () => null,
  );

const open = command("guest-ping");
const closed = command("guest-exec", { access: "blocked", reason: "no programs" });
const never = command("guest-set-user-password", { access: "never", reason: "no users" });
const NOT_ALLOWED = "the command is not allowed";

function policyWith(lists: Partial<PolicyLists>): Policy {
  return new Policy({ allow: undefined, block: undefined, ...lists });
}

Deno.test("without lists the default policy counts, and says how to open a command", () => {
  const policy = policyWith({});
  assert.equal(policy.whyDisabled(open), undefined);
  assert.equal(
    policy.whyDisabled(closed),
    "no programs; --enable-commands opens it",
  );
  assert.equal(policy.whyDisabled(never), "no users");
});

Deno.test("a block list takes the place of the default policy, also an empty one", () => {
  assert.equal(policyWith({ block: [] }).whyDisabled(closed), undefined);
  const policy = policyWith({ block: ["guest-ping", "unknown"] });
  assert.equal(policy.whyDisabled(open), NOT_ALLOWED);
  assert.equal(policy.whyDisabled(closed), undefined);
  assert.equal(policyWith({ block: ["guest-exec"] }).whyDisabled(closed), NOT_ALLOWED);
});

Deno.test("an allow list lets nothing else run, and a block list beats it", () => {
  const policy = policyWith({ allow: ["guest-exec"] });
  assert.equal(policy.whyDisabled(open), NOT_ALLOWED);
  assert.equal(policy.whyDisabled(closed), undefined);
  assert.equal(policyWith({ allow: [] }).whyDisabled(open), NOT_ALLOWED);
  const both = policyWith({ allow: ["guest-ping"], block: ["guest-ping"] });
  assert.equal(both.whyDisabled(open), NOT_ALLOWED);
});

Deno.test("no list opens a command that can never run", () => {
  const { name } = never;
  for (const lists of [{ block: [] }, { allow: [name] }, { block: [name] }]) {
    assert.equal(policyWith(lists).whyDisabled(never), "no users");
  }
});

Deno.test("a sync runs whatever the lists say, also while frozen", () => {
  const sync = { ...command("guest-sync"), isSync: true } as const;
  for (const lists of [{ allow: [] }, { block: [sync.name] }, {}]) {
    assert.equal(policyWith(lists).whyDisabled(sync), undefined);
  }
  const frozen = new Policy({ allow: [], block: undefined }, { isFrozen: () => true });
  assert.equal(frozen.whyDisabled(sync), undefined);
});

Deno.test("a command with a name of Object.prototype is like any other", () => {
  assert.equal(policyWith({}).whyDisabled(command("constructor")), undefined);
});

Deno.test("while frozen only what is declared so runs, whatever the lists say", () => {
  let frozen = false;
  const policyWith = (block: readonly string[]) =>
    new Policy({ allow: undefined, block }, { isFrozen: () => frozen });
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

Deno.test("without credentials nothing that calls Talos runs, whatever the lists say", () => {
  const shutdown = { ...command("guest-shutdown"), callsTalos: true } as const;
  for (const allow of [undefined, [shutdown.name]]) {
    const lists = { allow, block: undefined };
    const disabled = new Policy(lists, { hasCredentials: false }).whyDisabled(shutdown);
    assert.match(disabled ?? "", /no credentials for the Talos API/);
    assert.equal(new Policy(lists, { hasCredentials: true }).whyDisabled(shutdown), undefined);
  }
});
