import { array, boolean, optional, required, string } from "../protocol/argument_type.ts";
import { type AccessRule, defineCommand } from "../protocol/command.ts";
import { QapiError } from "../protocol/qapi_error.ts";

const USERS: AccessRule = {
  access: "never",
  reason: "Talos has no users, passwords or ssh",
};

/** QAPI guest-get-users. */
export const guestGetUsers = defineCommand({
  name: "guest-get-users",
  summary: "An empty list: nobody logs in to Talos.",
  since: "2.10",
  arguments: {},
  reply: "value",
  family: "information",
}, () => []);

/** QAPI guest-set-user-password; the policy never lets it run. */
export const guestSetUserPassword = defineCommand({
  name: "guest-set-user-password",
  summary: "Not supported: Talos has no users.",
  since: "2.3",
  arguments: {
    username: required(string()),
    password: required(string()),
    crypted: required(boolean()),
  },
  reply: "value",
  family: "set",
  byDefault: USERS,
}, refuse);

/** QAPI guest-ssh-get-authorized-keys; the policy never lets it run. */
export const guestSshGetAuthorizedKeys = defineCommand({
  name: "guest-ssh-get-authorized-keys",
  summary: "Not supported: Talos has no users.",
  since: "5.2",
  arguments: { username: required(string()) },
  reply: "value",
  family: "information",
  byDefault: USERS,
}, refuse);

/** QAPI guest-ssh-add-authorized-keys; the policy never lets it run. */
export const guestSshAddAuthorizedKeys = defineCommand({
  name: "guest-ssh-add-authorized-keys",
  summary: "Not supported: Talos has no users.",
  since: "5.2",
  arguments: {
    username: required(string()),
    keys: required(array(string())),
    reset: optional(boolean()),
  },
  reply: "value",
  family: "set",
  byDefault: USERS,
}, refuse);

/** QAPI guest-ssh-remove-authorized-keys; the policy never lets it run. */
export const guestSshRemoveAuthorizedKeys = defineCommand({
  name: "guest-ssh-remove-authorized-keys",
  summary: "Not supported: Talos has no users.",
  since: "5.2",
  arguments: { username: required(string()), keys: required(array(string())) },
  reply: "value",
  family: "set",
  byDefault: USERS,
}, refuse);

function refuse(): never {
  throw new QapiError(USERS.reason);
}
