import assert from "node:assert/strict";
import { isKernelSince, readHostName, readKernelName } from "./kernel_name.ts";
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
  assert.equal(readHostName(libc), await kernel("hostname"));
});

Deno.test("releases of Linux are compared by number", () => {
  const since = (release: string) => isKernelSince(release, { major: 5, minor: 8 });
  assert.deepEqual(["5.8.0", "5.10.1-arch", "6.1", "10.0.0-rc1"].filter(since).length, 4);
  assert.deepEqual(["5.7.19", "4.19.0-27-amd64", "5", ""].filter(since), []);
});
