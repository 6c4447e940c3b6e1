import assert from "node:assert/strict";
import { Dispatcher } from "../protocol/dispatcher.ts";
import { JsonMessageStream } from "../protocol/json_message_stream.ts";
import { Policy, type PolicyLists, type PolicyState } from "../protocol/policy.ts";
import { publishNothing } from "../activity/activity.ts";
import { FixtureHost } from "../../tests/harness/fixtures/host.ts";
import { LogRecorder } from "../../tests/harness/log_recorder.ts";
import { COMMANDS } from "./all.ts";
import type { CommandContext } from "./context.ts";
import { replyBytes } from "../../tests/harness/reply_bytes.ts";

/** What the agent's commands answer to requests, with the default policy and these lists. */
async function answers(lists: PolicyLists, ...requests: readonly object[]): Promise<unknown[]> {
  return await answersUnder({}, lists, ...requests);
}

/** As `answers`, of an agent in another state. */
async function answersUnder(
  state: PolicyState,
  lists: PolicyLists,
  ...requests: readonly object[]
): Promise<unknown[]> {
  await using host = await FixtureHost.create();
  const dispatcher: Dispatcher<CommandContext> = new Dispatcher(
    COMMANDS,
    new Policy(lists, state),
    { ...host.context, commandStates: () => dispatcher.commandStates() },
    new LogRecorder(),
    publishNothing,
  );
  const replies: unknown[] = [];
  const bytes = new TextEncoder().encode(
    requests.map((request) => JSON.stringify(request)).join("\n"),
  );
  for (const message of new JsonMessageStream().feed(bytes)) {
    const reply = await replyBytes(await dispatcher.dispatch(dispatcher.parse(message)));
    replies.push(JSON.parse(new TextDecoder().decode(reply)));
  }
  return replies;
}

const NO_LISTS: PolicyLists = { allow: undefined, block: undefined };
const disabled = (name: string, reason: string) => ({
  error: { class: "CommandNotFound", desc: `Command ${name} has been disabled: ${reason}` },
});

Deno.test("the commands for users exist, and no list opens them", async () => {
  const names = [
    "guest-set-user-password",
    "guest-ssh-get-authorized-keys",
    "guest-ssh-add-authorized-keys",
    "guest-ssh-remove-authorized-keys",
  ];
  for (const lists of [NO_LISTS, { ...NO_LISTS, block: [] }, { ...NO_LISTS, allow: names }]) {
    for (const name of names) {
      const [answer] = await answers(lists, { execute: name });
      assert.deepEqual(answer, disabled(name, "Talos has no users, passwords or ssh"));
    }
  }
  assert.deepEqual(await answers(NO_LISTS, { execute: "guest-get-users" }), [{ return: [] }]);
});

Deno.test("a command that is blocked by default says so, and runs when it is opened", async () => {
  const request = { execute: "guest-set-time", arguments: { time: -1 } };
  const reason = "Talos owns the clock; --enable-commands opens it";
  assert.deepEqual(await answers(NO_LISTS, request), [disabled("guest-set-time", reason)]);
  const invalid = { error: { class: "GenericError", desc: "Invalid time" } };
  assert.deepEqual(await answers({ ...NO_LISTS, block: ["guest-exec"] }, request), [invalid]);
  assert.deepEqual(await answers({ ...NO_LISTS, allow: ["guest-set-time"] }, request), [invalid]);
  assert.deepEqual(await answers({ ...NO_LISTS, enable: ["guest-set-time"] }, request), [invalid]);
});

Deno.test("what is enabled or disabled is added to the default, or to the other lists", async () => {
  const setTime = { execute: "guest-set-time", arguments: { time: -1 } };
  const ping = { execute: "guest-ping" };
  const exec = { execute: "guest-exec", arguments: { path: "/no/such" } };
  const run = async (lists: Partial<PolicyLists>): Promise<string[]> => {
    const said = await answers({ ...NO_LISTS, ...lists }, setTime, ping, exec);
    return said.map((one) => JSON.stringify(one).includes("disabled") ? "closed" : "open");
  };
  assert.deepEqual(await run({}), ["closed", "open", "closed"]);
  assert.deepEqual(await run({ disable: ["guest-ping"] }), ["closed", "closed", "closed"]);
  assert.deepEqual(await run({ enable: ["guest-set-time"] }), ["open", "open", "closed"]);
  assert.deepEqual(
    await run({ enable: ["guest-exec"], disable: ["guest-exec", "guest-ping"] }),
    ["closed", "closed", "closed"],
  );
  assert.deepEqual(
    await run({ allow: ["guest-exec"], enable: ["guest-ping"] }),
    ["closed", "open", "open"],
  );
  assert.deepEqual(
    await run({ block: ["guest-ping"], disable: ["guest-exec"] }),
    ["open", "closed", "closed"],
  );
});

Deno.test("guest-info reports the reason of each disabled command, and of no other", async () => {
  const lists = { ...NO_LISTS, block: ["guest-ping"] };
  const [answer] = await answers(lists, { execute: "guest-info" });
  // The shape is guest-info's own.
  const { return: { supported_commands: entries } } = answer as {
    return: { supported_commands: { name: string }[] };
  };
  const entry = (name: string) => entries.find((candidate) => candidate.name === name);
  assert.deepEqual(entry("guest-ping"), {
    name: "guest-ping",
    enabled: false,
    "success-response": true,
    "disabled-reason": "the command is not allowed",
  });
  assert.deepEqual(entry("guest-set-user-password"), {
    name: "guest-set-user-password",
    enabled: false,
    "success-response": true,
    "disabled-reason": "Talos has no users, passwords or ssh",
  });
  assert.deepEqual(entry("guest-suspend-ram"), {
    name: "guest-suspend-ram",
    enabled: true,
    "success-response": false,
  });
});

Deno.test("files and programs are closed by default", async () => {
  const names = COMMANDS.map(({ name }) => name);
  const family = names.filter((name) => /^guest-(file|exec)/.test(name));
  assert.equal(family.length, 8);
  for (const name of family) {
    const [answer] = await answers(NO_LISTS, { execute: name });
    assert.match(JSON.stringify(answer), /has been disabled: .*; --enable-commands opens it/);
  }
});

Deno.test("without a talosconfig guest-shutdown is disabled, and no list opens it", async () => {
  const reason = "the agent has no credentials for the Talos API; --talosconfig names them";
  const requests = [{ execute: "guest-shutdown" }, { execute: "guest-info" }];
  for (const lists of [NO_LISTS, { ...NO_LISTS, block: [] }]) {
    const [answer, info] = await answersUnder({ hasCredentials: false }, lists, ...requests);
    assert.deepEqual(answer, disabled("guest-shutdown", reason));
    assert.ok(JSON.stringify(info).includes(`"disabled-reason":"${reason}"`));
  }
  const [answer] = await answersUnder({ hasCredentials: true }, NO_LISTS, ...requests);
  assert.match(JSON.stringify(answer), /no power in a fixture/);
});
