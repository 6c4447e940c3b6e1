import { member, type ReplyValue } from "./reply.ts";
import { base64, numberText, type Scenario, single, type Step } from "./scenario.ts";

/** Whether a reply of guest-exec-status is the last one. */
const hasExited = (reply: ReplyValue | undefined): boolean =>
  member(member(reply, "return"), "exited") !== false;

/** Starts a program and waits for its end; the record is gone after that. */
function exec(name: string, args: Record<string, unknown>, oursAlone?: string): Scenario {
  const status: Step = {
    command: "guest-exec-status",
    arguments: ([started]) => {
      return `{"pid":${numberText(member(member(started, "return"), "pid"), "1")}}`;
    },
    until: hasExited,
  };
  return {
    name: `guest-exec: ${name}`,
    steps: [
      { command: "guest-exec", arguments: JSON.stringify(args), volatile: /^return\.pid$/ },
      status,
      ...(oursAlone === undefined ? [status] : []),
    ],
    ...(oursAlone === undefined ? {} : { oursAlone }),
  };
}

const shell = (script: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  path: "/bin/sh",
  arg: ["-c", script],
  "capture-output": true,
  ...more,
});
const BOTH_STREAMS = "echo out; echo err >&2";

/** guest-exec and guest-exec-status. */
export const EXEC_SCENARIOS: readonly Scenario[] = [
  exec("output of both streams", shell(BOTH_STREAMS)),
  exec("no output", shell("exit 0")),
  exec("one stream", shell("echo err >&2")),
  exec("exit code", shell("exit 42")),
  exec("signal", shell("kill -9 $$")),
  exec("output is not wanted", shell(BOTH_STREAMS, { "capture-output": false })),
  exec("output is not mentioned", { path: "/bin/true" }),
  exec("input", shell("cat; echo end", { "input-data": base64("a line\n") })),
  exec("empty input", shell("cat; echo end", { "input-data": "" })),
  exec("input that nobody reads", shell("exec <&-; echo end", { "input-data": base64("x") })),
  exec("without input", shell("cat; echo end")),
  exec("environment", { path: "/usr/bin/env", env: ["A=1", "B=x y"], "capture-output": true }),
  exec("empty environment", { path: "/usr/bin/env", env: [], "capture-output": true }),
  exec("search of PATH", { path: "echo", arg: ["a", "", "b c"], "capture-output": true }),
  exec("binary output", shell("printf '\\377\\000\\200'")),
  exec("a child that keeps the stream open", shell("(sleep 0.2; echo late) & echo soon")),
  exec("large output", shell("head -c 300000 /dev/zero | tr '\\0' a")),
  exec("more output than is kept", shell("head -c 17000000 /dev/zero")),
  exec("no such program", { path: "/nonexistent/program" }),
  exec("no such program in PATH", { path: "nonexistent-program" }),
  exec("not executable", { path: "/etc/hostname" }),
  exec("a directory", { path: "/tmp" }),
  exec("empty path", { path: "" }),
  exec("wrong base64", { path: "/bin/cat", "input-data": "!" }),
  single("guest-exec-status", '{"pid":1}'),
  single("guest-exec-status", '{"pid":-1}'),
  single("guest-exec-status", '{"pid":9223372036854775807}'),
  exec(
    "mode none",
    shell(BOTH_STREAMS, { "capture-output": "none" }),
    '{"exited": true, "exitcode": 0}',
  ),
  exec(
    "mode stdout",
    shell(BOTH_STREAMS, { "capture-output": "stdout" }),
    `{"exited": true, "exitcode": 0, "out-data": "${base64("out\n")}", "out-truncated": false}`,
  ),
  exec(
    "mode stderr",
    shell(BOTH_STREAMS, { "capture-output": "stderr" }),
    `{"exited": true, "exitcode": 0, "err-data": "${base64("err\n")}", "err-truncated": false}`,
  ),
  exec(
    "mode separated",
    shell(BOTH_STREAMS, { "capture-output": "separated" }),
    `{"exited": true, "exitcode": 0, "out-data": "${base64("out\n")}", "out-truncated": false, ` +
      `"err-data": "${base64("err\n")}", "err-truncated": false}`,
  ),
  exec(
    "mode merged",
    shell(BOTH_STREAMS, { "capture-output": "merged" }),
    `{"exited": true, "exitcode": 0, "out-data": "${base64("out\nerr\n")}", ` +
      `"out-truncated": false}`,
  ),
];
