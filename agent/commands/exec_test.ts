import assert from "node:assert/strict";
import { GuestProcesses } from "../guest/processes.ts";
import { Libc } from "../linux/libc.ts";
import type { JsonObject, JsonValue } from "../protocol/json_value.ts";
import { plainResult } from "../../tests/harness/plain_result.ts";
import { QapiError } from "../protocol/qapi_error.ts";
import { silentLog } from "../log/log.ts";
import { guestExec, guestExecStatus } from "./exec.ts";

const base64 = (text: string) => new TextEncoder().encode(text).toBase64();

/** Runs a program to its end and gives the last reply of guest-exec-status. */
async function run(guestProcesses: GuestProcesses, values: JsonObject): Promise<JsonValue> {
  const reply = await guestExec.execute(values, { guestProcesses });
  const pid = BigInt(reply.pid);
  for (;;) {
    const status = plainResult(await guestExecStatus.execute({ pid }, { guestProcesses }));
    if (status["exited"] === true) return status;
    assert.deepEqual(status, { exited: false });
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

Deno.test("guest-exec-status has upstream's members for each way of capturing", async () => {
  using libc = new Libc();
  await using processes = new GuestProcesses(libc, silentLog);
  const both = { path: "/bin/sh", arg: ["-c", "echo out; echo err >&2; exit 3"] };
  const out = { "out-data": base64("out\n"), "out-truncated": false };
  const err = { "err-data": base64("err\n"), "err-truncated": false };
  const merged = { "out-data": base64("out\nerr\n"), "out-truncated": false };
  const done = { exited: true, exitcode: 3 };
  const cases: [JsonValue | undefined, JsonObject][] = [
    [undefined, done],
    [false, done],
    ["none", done],
    [true, { ...done, ...out, ...err }],
    ["separated", { ...done, ...out, ...err }],
    ["stdout", { ...done, ...out }],
    ["stderr", { ...done, ...err }],
    ["merged", { ...done, ...merged }],
  ];
  for (const [capture, expected] of cases) {
    const values = capture === undefined ? both : { ...both, "capture-output": capture };
    assert.deepEqual(await run(processes, values), expected, String(capture));
  }
  const quiet = { path: "/bin/sh", arg: ["-c", "kill -9 $$"], "capture-output": true };
  assert.deepEqual(await run(processes, quiet), { exited: true, signal: 9 });
});

Deno.test("input-data and env reach the program", async () => {
  using libc = new Libc();
  await using processes = new GuestProcesses(libc, silentLog);
  const values = {
    path: "sh",
    arg: ["-c", 'cat; echo "$A"'],
    env: ["A=1"],
    "input-data": "YWJj\nYQ==YW",
    "capture-output": true,
  };
  assert.deepEqual(await run(processes, values), {
    exited: true,
    exitcode: 0,
    "out-data": base64("abca1\n"),
    "out-truncated": false,
  });
});

Deno.test("mistakes have upstream's words", async () => {
  using libc = new Libc();
  await using processes = new GuestProcesses(libc, silentLog);
  const wrong = (path: string, type: string) =>
    `Invalid parameter type for '${path}', expected: ${type}`;
  const cases: [JsonObject, string][] = [
    [{}, "Parameter 'path' is missing"],
    [{ path: "/bin/x" }, "Failed to execute child process “/bin/x” (No such file or directory)"],
    [{ path: "/bin/true", arg: "a" }, wrong("arg", "array")],
    [{ path: "/bin/true", arg: ["a", 1n] }, wrong("arg[1]", "string")],
    [{ path: "/bin/true", env: [null] }, wrong("env[0]", "string")],
    [{ path: "/bin/true", "input-data": 1n }, wrong("input-data", "string")],
    [{ path: "/bin/true", "input-data": "!" }, "Base64 data contains invalid characters"],
    [
      { path: "/bin/true", "capture-output": "foo" },
      "Parameter 'capture-output' does not accept value 'foo'",
    ],
    [
      { path: "/bin/true", "capture-output": 1n },
      wrong("capture-output", "GuestExecCaptureOutput"),
    ],
    [
      { path: "/bin/true", arg: ["a".repeat(2 ** 20), "b".repeat(2 ** 20)] },
      "path, arg and env of 2097161 characters in all are too long, the kernel takes 2097152: " +
      "send data as input-data",
    ],
    [{ path: "/bin/true", arg: ["a\0"] }, "path, arg and env cannot contain the character NUL"],
  ];
  const context = { guestProcesses: processes };
  for (const [values, message] of cases) {
    await assert.rejects(
      async () => await guestExec.execute(values, context),
      { message },
    );
  }
  for (const pid of [1n, 0n, -1n, 2n ** 40n]) {
    assert.throws(
      () => guestExecStatus.execute({ pid }, context),
      new QapiError("Invalid parameter 'pid'"),
    );
  }
});
