import assert from "node:assert/strict";
import { readKernelName } from "./kernel_name.ts";
import { Libc } from "./libc.ts";

Deno.test("the kernel's name is that of procfs", async () => {
  using libc = new Libc();
  const kernel = async (name: string): Promise<string> =>
    (await Deno.readTextFile(`/proc/sys/kernel/${name}`)).trimEnd();
  assert.deepEqual(readKernelName(libc), {
    hostName: await kernel("hostname"),
    release: await kernel("osrelease"),
    version: await kernel("version"),
    machine: Deno.build.arch,
  });
});
