import assert from "node:assert/strict";
import { TemporaryDirectory } from "../../tests/harness/temporary_directory.ts";
import { parseCommandLine } from "../config/getopt.ts";
import { OPTION_LIST } from "../config/options.ts";
import { KernelFiles } from "../linux/kernel_files.ts";
import { Libc } from "../linux/libc.ts";
import { ConfigWatch } from "./config_watch.ts";

Deno.test("a file that appears, changes or goes ends the agent, once it may", async (t) => {
  await using directory = await TemporaryDirectory.create();
  using libc = new Libc();
  const path = `${directory.path}/qga.yaml`;
  const appears = () => Deno.writeTextFile(path, "drain-timeout: 5s\n");
  const changes = () => Deno.writeTextFile(path, "drain-timeout: 6s\n");
  const goes = () => Deno.remove(path);
  for (const change of [appears, changes, goes]) {
    await t.step(change.name, async () => {
      const watch = new ConfigWatch(new KernelFiles(libc), path);
      let isFrozen = true;
      let looks = 0;
      const ended = Promise.withResolvers<string>();
      const asked = Promise.withResolvers<void>();
      using _watching = watch.start({
        mayEnd: () => {
          looks++;
          if (isFrozen) asked.resolve();
          return !isFrozen;
        },
        end: ended.resolve,
      }, 10);
      assert.equal(looks, 0);
      await change();
      await asked.promise;
      isFrozen = false;
      assert.equal(await ended.promise, path);
    });
  }
});

Deno.test("without --watch-config nothing is watched", () => {
  using libc = new Libc();
  const files = new KernelFiles(libc);
  assert.equal(ConfigWatch.of(parseCommandLine([], OPTION_LIST), files), undefined);
  const commandLine = parseCommandLine(["--watch-config", "/nowhere"], OPTION_LIST);
  assert.ok(ConfigWatch.of(commandLine, files) !== undefined);
});
