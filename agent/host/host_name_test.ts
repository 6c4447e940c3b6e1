import assert from "node:assert/strict";
import { FixtureHost } from "../../tests/harness/fixtures/host.ts";
import { readKernelName } from "../linux/kernel_name.ts";
import { cString, Libc } from "../linux/libc.ts";
import { readHostName } from "./host_name.ts";

const CLONE_NEWUTS = 0x04000000;
const UTS_SYMBOLS = {
  unshare: { parameters: ["i32"], result: "i32" },
  sethostname: { parameters: ["buffer", "usize"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

Deno.test("in a container with a host name of its own it is the host's all the same", async () => {
  await using host = await FixtureHost.create({ "proc/loadavg": "" });
  using libc = new Libc();
  const own = readKernelName(libc).hostName;
  // What stands for the host's first process, whose namespace is the one that this thread leaves.
  const fd = libc.check(libc.file.open(cString("/proc/thread-self/ns/uts"), 0, 0), "open");
  using _closed = { [Symbol.dispose]: () => void libc.file.close(fd) };
  await Deno.mkdir(`${host.path}/proc/1/ns`, { recursive: true });
  await Deno.symlink(`/proc/${Deno.pid}/fd/${fd}`, `${host.path}/proc/1/ns/uts`);

  const { unshare, sethostname } = libc.bind(UTS_SYMBOLS);
  libc.check(unshare(CLONE_NEWUTS), "unshare: this test needs root");
  libc.check(sethostname(cString("container"), 9n), "sethostname");
  assert.equal(readKernelName(libc).hostName, "container");
  assert.equal(readHostName(host.context.host), own);
});

Deno.test("where the host's first process is not seen it is the container's", async () => {
  await using host = await FixtureHost.create({ "proc/loadavg": "" });
  using libc = new Libc();
  assert.equal(readHostName(host.context.host), readKernelName(libc).hostName);
});
