import assert from "node:assert/strict";
import { Errno, LibcError } from "../linux/libc.ts";
import { Dispatcher } from "../protocol/dispatcher.ts";
import { defineCommand, defineListCommand } from "../protocol/command.ts";
import { Policy } from "../protocol/policy.ts";
import { publishNothing } from "../activity/activity.ts";
import { replyBytes } from "../../tests/harness/reply_bytes.ts";
import { LogRecorder } from "../../tests/harness/log_recorder.ts";
import { COMMANDS } from "./all.ts";
import { tellingKernelErrors } from "./kernel_error.ts";

const gone = () =>
  new LibcError("open /sys/block/sda/size", Errno.ENOENT, "No such file or directory");
const declaration = { summary: "", since: "1", arguments: {}, reply: "value" } as const;

Deno.test("a disk that goes away while it is read is a reply, and no line of the log", async () => {
  const commands = [
    defineCommand({ ...declaration, name: "at-once" }, () => {
      throw gone();
    }),
    defineCommand({ ...declaration, name: "later" }, () => Promise.reject(gone())),
    defineListCommand({ ...declaration, name: "in-steps" }, function* () {
      yield undefined;
      throw gone();
    }),
  ].map((command) => tellingKernelErrors<unknown>(command));
  const log = new LogRecorder();
  const policy = new Policy({ allow: undefined, block: undefined }, {});
  const dispatcher = new Dispatcher(commands, policy, undefined, log, publishNothing);
  for (const { name } of commands) {
    const reply = await replyBytes(await dispatcher.dispatch({ value: { execute: name } }));
    assert.equal(
      new TextDecoder().decode(reply),
      '{"error": {"class": "GenericError", ' +
        '"desc": "open /sys/block/sda/size: No such file or directory"}}\n',
    );
  }
  assert.deepEqual(log.lines.filter(({ level }) => level !== "debug"), []);
});

Deno.test("what is a fault of the agent stays one", () => {
  const broken = defineCommand({ ...declaration, name: "broken" }, () => {
    throw new TypeError("undefined is not a function");
  });
  assert.throws(() => tellingKernelErrors<unknown>(broken).execute({}, undefined), TypeError);
});

Deno.test("every command of the agent is such", async () => {
  // Whatever a handler asks of its context, the kernel refuses.
  const context = new Proxy({}, {
    get: () => {
      throw gone();
    },
  });
  for (const command of COMMANDS) {
    try {
      const result = await command.execute({}, context as never);
      if (typeof result === "object" && result !== null && "steps" in result) {
        for (const _step of result.steps as Iterable<unknown>);
      }
    } catch (error) {
      assert.notEqual((error as Error).name, "LibcError", command.name);
    }
  }
});
