import assert from "node:assert/strict";
import { TemporaryDirectory } from "../../tests/harness/temporary_directory.ts";
import { fsfreezeHook } from "./fsfreeze_hook.ts";

async function script(directory: TemporaryDirectory, text: string): Promise<string> {
  const path = await directory.write("hook", `#!/bin/sh\n${text}\n`);
  await Deno.chmod(path, 0o700);
  return path;
}

Deno.test("the hook gets its argument, an empty input and no place for output", async () => {
  await using directory = await TemporaryDirectory.create();
  const said = `${directory.path}/said`;
  const run = fsfreezeHook(await script(directory, `cat; echo out; echo "$# $1" >>${said}`));
  await run("freeze");
  await run("thaw", new AbortController().signal);
  assert.equal(Deno.readTextFileSync(said), "1 freeze\n1 thaw\n");
});

Deno.test("a hook that fails, is killed or is not there is an error in qemu-ga's words", async () => {
  await using directory = await TemporaryDirectory.create();
  const prefix = "child process has failed to execute fsfreeze hook: ";
  const fails = (path: string, reason: RegExp, signal?: AbortSignal) =>
    assert.rejects(fsfreezeHook(path)("freeze", signal), (error) => {
      assert.ok(error instanceof Error && error.message.startsWith(prefix));
      assert.match(error.message.slice(prefix.length), reason);
      return true;
    });
  await fails(await script(directory, "exit 3"), /^exit status 3$/);
  await fails(await script(directory, "kill -9 $$"), /^ended by SIGKILL$/);
  await fails(`${directory.path}/none`, /none/);
  const stop = new AbortController();
  const started = `${directory.path}/started`;
  await script(directory, `touch ${started}; exec sleep 1000`);
  const ended = fails(`${directory.path}/hook`, /^ended by SIGTERM$/, stop.signal);
  while (!exists(started)) await new Promise((resolve) => setTimeout(resolve, 5));
  stop.abort();
  await ended;
});

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
