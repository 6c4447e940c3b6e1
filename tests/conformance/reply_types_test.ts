import { deepEqual } from "node:assert/strict";
import { COMMANDS } from "../../agent/commands/all.ts";
import { parseReply } from "./reply.ts";
import { replyFaults } from "./reply_types.ts";

const of = (command: string, reply: string): string[] => replyFaults(command, parseReply(reply));

Deno.test("a reply that is as the schema has it has no fault", () => {
  deepEqual(of("guest-ping", '{"return": {}}'), []);
  deepEqual(of("guest-ping", '{"return": {}, "id": [1]}'), []);
  deepEqual(of("guest-get-time", '{"return": -9223372036854775808}'), []);
  deepEqual(of("guest-get-memory-block-info", '{"return": {"size": 18446744073709551615}}'), []);
  deepEqual(of("guest-get-timezone", '{"return": {"offset": 0}}'), []);
  deepEqual(of("guest-ping", '{"error": {"class": "GenericError", "desc": "no"}}'), []);
});

Deno.test("each fault of a reply is named", () => {
  const cases: [string, string, string[]][] = [
    ["guest-ping", "1", ["the reply is 1"]],
    ["guest-ping", '{"return": 5}', ["guest-ping.return is 5, and no object"]],
    ["guest-ping", "{}", ["guest-ping has no return"]],
    ["guest-ping", '{"error": {"class": "X"}}', ["guest-ping.error has no desc"]],
    ["guest-ping", '{"return": {}, "error": {"class": "X", "desc": ""}}', [
      "guest-ping has return, which the schema does not know",
    ]],
    ["guest-get-time", '{"return": 1.0}', ["guest-get-time.return is 1.0, and not int"]],
    ["guest-get-time", '{"return": 9223372036854775808}', [
      "guest-get-time.return is 9223372036854775808, and not int",
    ]],
    ["guest-fsfreeze-status", '{"return": "cold"}', [
      'guest-fsfreeze-status.return is "cold", and not one of thawed, frozen',
    ]],
    ["guest-get-memory-block-info", '{"return": {"size": -1}}', [
      "guest-get-memory-block-info.return.size is -1, and not uint64",
    ]],
    ["guest-get-users", '{"return": [{"user": null, "login-time": 1, "host": "a"}]}', [
      "guest-get-users.return[0].user is null, and not str",
      "guest-get-users.return[0] has host, which the schema does not know",
    ]],
    ["guest-get-users", '{"return": {}}', ["guest-get-users.return is {}, and no list"]],
  ];
  for (const [command, reply, faults] of cases) deepEqual(of(command, reply), faults, reply);
});

Deno.test("these commands return nothing, and all others have a declared type", () => {
  const empty = COMMANDS.filter(({ name }) => of(name, '{"return": {"other": 1}}').length === 1)
    .map(({ name }) => name)
    .filter((name) => of(name, '{"return": {}}').length === 0 && name !== "guest-get-osinfo");
  deepEqual(empty.sort(), [
    "guest-file-close",
    "guest-file-flush",
    "guest-ping",
    "guest-set-time",
    "guest-set-user-password",
    "guest-shutdown",
    "guest-ssh-add-authorized-keys",
    "guest-ssh-remove-authorized-keys",
    "guest-suspend-disk",
    "guest-suspend-hybrid",
    "guest-suspend-ram",
  ]);
});
