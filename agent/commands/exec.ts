import { CAPTURE_MODES, type CaptureMode, type ProcessResult } from "../guest/processes.ts";
import {
  alternate,
  array,
  base64,
  boolean,
  enumeration,
  integer,
  optional,
  required,
  string,
} from "../protocol/argument_type.ts";
import { decodeBase64 } from "../protocol/base64.ts";
import { type BytesMembers, ResultWithBytes } from "../protocol/command_result.ts";
import { type AccessRule, defineCommand } from "../protocol/command.ts";
import { QapiError } from "../protocol/qapi_error.ts";
import { inTurns } from "../steps.ts";
import type { CommandContext } from "./context.ts";

type ExecContext = Pick<CommandContext, "guestProcesses">;

/** What Linux takes with its default limit of the stack, a quarter of that (execve(2)). */
const MOST_ARGUMENT_CHARACTERS = 2 * 1024 * 1024;

const PROGRAMS: AccessRule = {
  access: "blocked",
  reason: "the hypervisor may not run programs on the node",
};

/** QAPI GuestExecCaptureOutput: a mode, or true for `separated` and false for `none`. */
const CAPTURE_OUTPUT = alternate("GuestExecCaptureOutput", {
  boolean: boolean(),
  string: enumeration("GuestExecCaptureOutputMode", CAPTURE_MODES),
});

/** QAPI guest-exec. It does not wait for the program; guest-exec-status reports how it went. */
export const guestExec = defineCommand({
  name: "guest-exec",
  summary: "Starts a program of the agent's container, which has no shell and few programs.",
  since: "2.5",
  arguments: {
    path: required(string()),
    arg: optional(array(string())),
    env: optional(array(string())),
    "input-data": optional(base64()),
    "capture-output": optional(CAPTURE_OUTPUT),
  },
  reply: "value",
  family: "exec",
  byDefault: PROGRAMS,
}, async (values, { guestProcesses }: ExecContext) => {
  const { path, arg: args = [], env, "input-data": inputData, "capture-output": capture } = values;
  const texts = [path, ...args, ...env ?? []];
  // They need not be copied to be refused.
  const size = texts.reduce((length, text) => length + text.length, 0);
  if (size > MOST_ARGUMENT_CHARACTERS) {
    throw new QapiError(
      `path, arg and env of ${size} characters in all are too long, the kernel takes ` +
        `${MOST_ARGUMENT_CHARACTERS}: send data as input-data`,
    );
  }
  using stack = new DisposableStack();
  const input = inputData === undefined
    ? undefined
    : stack.use(await inTurns(decodeBase64(inputData)));
  for (const text of texts) {
    if (text.includes("\0")) {
      throw new QapiError("path, arg and env cannot contain the character NUL");
    }
  }
  const pid = guestProcesses.start({ path, args, env, input, capture: captureMode(capture) });
  // The input is the program's now.
  stack.move();
  return { pid };
});

/** QAPI guest-exec-status. The result of a program is given once. */
export const guestExecStatus = defineCommand({
  name: "guest-exec-status",
  summary: "Tells whether a program that guest-exec has started is done, and what came of it.",
  since: "2.5",
  arguments: { pid: required(integer()) },
  reply: "value",
  family: "exec",
  readsOnly: true,
  byDefault: PROGRAMS,
}, ({ pid }, { guestProcesses }: ExecContext) => {
  const status = guestProcesses.status(Number(pid));
  if (status === undefined) throw new QapiError("Invalid parameter 'pid'");
  return status === "running" ? { exited: false } : resultReply(status);
});

function captureMode(capture: boolean | CaptureMode = false): CaptureMode {
  if (typeof capture === "string") return capture;
  return capture ? "separated" : "none";
}

function resultReply(result: ProcessResult): ResultWithBytes {
  const { exitCode, signal, stdout, stderr } = result;
  const members: BytesMembers = {
    exited: true,
    exitcode: exitCode,
    signal,
    ...outputMembers("out", stdout),
    ...outputMembers("err", stderr),
  };
  return new ResultWithBytes(members, () => result[Symbol.dispose]());
}

/** Absent when there is no output; whether it is cut off is given whenever it is present. */
function outputMembers(prefix: "out" | "err", output: ProcessResult["stdout"]): BytesMembers {
  if (output === undefined || output.kept.length === 0 && !output.truncated) return {};
  return { [`${prefix}-data`]: output.kept, [`${prefix}-truncated`]: output.truncated };
}
