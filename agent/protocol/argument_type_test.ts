import assert from "node:assert/strict";
import {
  alternate,
  array,
  boolean,
  checkMembers,
  enumeration,
  integer,
  optional,
  required,
  string,
  struct,
  unsignedInteger,
} from "./argument_type.ts";
import type { JsonObject, JsonValue } from "./json_value.ts";
import { QapiError } from "./qapi_error.ts";

const members = {
  id: required(integer(-(2n ** 63n), 100n)),
  name: optional(string()),
  crypted: optional(boolean()),
  vcpus: optional(array(struct("VCPU", {
    "logical-id": required(integer()),
    online: optional(boolean()),
  }))),
};

Deno.test("arguments of the declared types reach the handler, optional ones may be left out", () => {
  assert.deepEqual(checkMembers(members, { id: 1n }), { id: 1n });
  const all: JsonObject = {
    vcpus: [{ online: true, "logical-id": 0n }, { "logical-id": 1n }],
    crypted: false,
    name: "",
    id: -(2n ** 63n),
  };
  assert.deepEqual(checkMembers(members, all), all);
});

Deno.test("each mistake has QEMU's words and the path of the value", () => {
  const wrong = (path: string, type: string) =>
    `Invalid parameter type for '${path}', expected: ${type}`;
  const cases: readonly (readonly [JsonObject, string])[] = [
    [{}, "Parameter 'id' is missing"],
    [{ foo: 1n }, "Parameter 'id' is missing"],
    [{ id: null }, wrong("id", "integer")],
    [{ id: "1" }, wrong("id", "integer")],
    [{ id: 1 }, wrong("id", "integer")],
    [{ id: 2n ** 63n }, wrong("id", "integer")],
    [{ id: 101n }, "value '101' is invalid for argument id"],
    [{ id: 1n, x: 2n }, "Parameter 'x' is unexpected"],
    [{ id: 1n, "": 1n }, "Parameter '' is unexpected"],
    [{ id: 1n, toString: 1n }, "Parameter 'toString' is unexpected"],
    [{ id: 1n, name: 5n }, wrong("name", "string")],
    [{ id: 1n, name: null }, wrong("name", "string")],
    [{ id: 1n, crypted: 0n }, wrong("crypted", "boolean")],
    [{ id: 1n, vcpus: {} }, wrong("vcpus", "array")],
    [{ id: 1n, vcpus: [5n] }, wrong("vcpus[0]", "object")],
    [{ id: 1n, vcpus: [[]] }, wrong("vcpus[0]", "object")],
    [
      { id: 1n, vcpus: [{ "logical-id": 0n, online: "x" }] },
      wrong("vcpus[0].online", "boolean"),
    ],
    [
      { id: 1n, vcpus: [{ "logical-id": 0n }, { online: true }] },
      "Parameter 'vcpus[1].logical-id' is missing",
    ],
    [
      { id: 1n, vcpus: [{ "logical-id": 0n, online: true, x: 1n }] },
      "Parameter 'vcpus[0].x' is unexpected",
    ],
  ];
  for (const [given, message] of cases) {
    assert.throws(() => checkMembers(members, given), (error) => {
      assert.ok(error instanceof QapiError);
      assert.equal(error.message, message);
      assert.equal(error.errorClass, "GenericError");
      return true;
    });
  }
});

Deno.test("types are named as in the QAPI schema", () => {
  assert.equal(array(string()).name, "[str]");
  assert.equal(integer().name, "int");
  assert.equal(boolean().name, "bool");
});

Deno.test("a uint64 takes all integers of 64 bits, and negative ones wrap around", () => {
  const type = unsignedInteger();
  const most = 2n ** 64n - 1n;
  assert.equal(type.check(0n, "x"), 0n);
  assert.equal(type.check(most, "x"), most);
  assert.equal(type.check(-1n, "x"), most);
  assert.equal(type.check(-(2n ** 63n), "x"), 2n ** 63n);
  for (const value of [most + 1n, -(2n ** 63n) - 1n, 1, "1", null, true]) {
    assert.throws(
      () => type.check(value, "mem-blks[0].phys-index"),
      new QapiError("Parameter 'mem-blks[0].phys-index' expects uint64"),
    );
  }
});

Deno.test("an alternate takes the branch of the JSON type, and each branch has its own errors", () => {
  const type = alternate("GuestFileWhence", {
    number: integer(),
    string: enumeration("QGASeek", ["set", "cur"]),
  });
  assert.equal(type.check(2n, "whence"), 2n);
  assert.equal(type.check("cur", "whence"), "cur");
  const wrong = "Invalid parameter type for 'whence', expected: ";
  const cases: [JsonValue, string][] = [
    ["foo", "Parameter 'whence' does not accept value 'foo'"],
    ["", "Parameter 'whence' does not accept value ''"],
    [1.5, `${wrong}integer`],
    [null, `${wrong}GuestFileWhence`],
    [true, `${wrong}GuestFileWhence`],
    [[], `${wrong}GuestFileWhence`],
    [{}, `${wrong}GuestFileWhence`],
  ];
  for (const [value, message] of cases) {
    assert.throws(() => type.check(value, "whence"), new QapiError(message));
  }
  const flag = alternate("Flag", { boolean: boolean() });
  assert.equal(flag.check(true, "flag"), true);
  assert.throws(() => flag.check("true", "flag"), { message: /expected: Flag$/ });
  assert.throws(() => enumeration("E", ["a"]).check(1n, "e"), { message: /expected: string$/ });
});
