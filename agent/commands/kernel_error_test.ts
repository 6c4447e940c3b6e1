import assert from "node:assert/strict";
import { Errno, Libc } from "../host/libc.ts";
import { defineCommand } from "../protocol/command.ts";
import { Dispatcher } from "../protocol/dispatcher.ts";
import { Policy } from "../protocol/policy.ts";
import { publishNothing } from "../telemetry/activity.ts";
import { jsonLog } from "../telemetry/log.ts";
import { FixtureHost } from "../testing/fixture_host.ts";
import { COMMANDS } from "./all.ts";
import type { CommandContext } from "./context.ts";
import { withKernelErrors } from "./kernel_error.ts";

/** The replies of these commands, and what was logged meanwhile. */
async function run(
  commands: typeof COMMANDS,
  context: CommandContext,
  names: readonly string[],
): Promise<{ replies: string[]; log: string }> {
  let log = "";
  const policy = new Policy({ allow: undefined, block: undefined }, {});
  const dispatcher = new Dispatcher(
    commands,
    policy,
    context,
    jsonLog((line) => log += line),
    publishNothing,
  );
  const replies: string[] = [];
  for (const execute of names) {
    const reply = await dispatcher.dispatch({ value: { execute } });
    replies.push(new TextDecoder().decode(reply));
  }
  return { replies, log };
}

Deno.test("what the kernel refuses is told to the client, and nothing unforeseen", async () => {
  using libc = new Libc();
  await using host = await FixtureHost.create();
  for (const errno of [Errno.ENOENT, Errno.ENODEV, Errno.ENXIO, Errno.EIO]) {
    const error = libc.errorOf(errno, "read /sys/block/vdb/size");
    const declaration = { summary: "", since: "", arguments: {}, reply: "value" } as const;
    const commands = [
      defineCommand({ ...declaration, name: "now" }, () => {
        throw error;
      }),
      defineCommand({ ...declaration, name: "later" }, () => Promise.reject(error)),
    ].map(withKernelErrors);
    const { replies, log } = await run(commands, host.context, ["now", "later"]);
    for (const reply of replies) {
      assert.deepEqual(JSON.parse(reply), {
        error: { class: "GenericError", desc: `read /sys/block/vdb/size: ${libc.explain(errno)}` },
      });
    }
    assert.equal(log, "");
  }
});

Deno.test("a command whose disks cannot be read fails without a stack", async () => {
  await using host = await FixtureHost.create({ "sys/block": "no directory" });
  const { replies, log } = await run(COMMANDS, host.context, ["guest-get-disks"]);
  const desc = `read directory ${host.path}/sys/block: Not a directory`;
  assert.deepEqual(replies.map((reply) => JSON.parse(reply)), [
    { error: { class: "GenericError", desc } },
  ]);
  assert.equal(log, "");
});

Deno.test("other errors stay as they are", async () => {
  await using host = await FixtureHost.create();
  const command = defineCommand({
    name: "broken",
    summary: "",
    since: "",
    arguments: {},
    reply: "value",
  }, () => {
    throw new TypeError("a fault");
  });
  const { log } = await run([withKernelErrors(command)], host.context, ["broken"]);
  assert.match(log, /unforeseen.*TypeError/);
});
