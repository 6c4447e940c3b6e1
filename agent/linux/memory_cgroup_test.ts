import { equal, ok } from "node:assert/strict";
import { type FixtureTree, plant } from "../../tests/harness/fixtures/tree.ts";
import { TemporaryDirectory } from "../../tests/harness/temporary_directory.ts";
import { KernelFiles } from "./kernel_files.ts";
import { Libc } from "./libc.ts";
import { readMemoryLimit } from "./memory_cgroup.ts";

const MEBIBYTE = 1024 * 1024;

async function limitOf(tree: FixtureTree): Promise<number | undefined> {
  await using directory = await TemporaryDirectory.create();
  await plant(directory.path, tree);
  using libc = new Libc();
  const { path } = directory;
  return readMemoryLimit(new KernelFiles(libc), { procfs: `${path}/proc`, sysfs: `${path}/sys` });
}

Deno.test("version 2: the least limit of the cgroup and those around it counts", async () => {
  const cgroup = "sys/fs/cgroup";
  const pod = {
    "proc/self/cgroup": "0::/kubepods.slice/pod1/agent\n",
    [`${cgroup}/kubepods.slice/memory.max`]: "max\n",
    [`${cgroup}/kubepods.slice/pod1/memory.max`]: "100000000\n",
    [`${cgroup}/kubepods.slice/pod1/agent/memory.max`]: "67108864\n",
  };
  equal(await limitOf(pod), 64 * MEBIBYTE);
  const smallPod = { ...pod, [`${cgroup}/kubepods.slice/pod1/memory.max`]: "50000000\n" };
  equal(await limitOf(smallPod), 50_000_000);
});

Deno.test("version 2 in a cgroup namespace, and one seen from outside", async () => {
  const tree = { "sys/fs/cgroup/memory.max": "67108864\n" };
  equal(await limitOf({ ...tree, "proc/self/cgroup": "0::/\n" }), 64 * MEBIBYTE);
  equal(await limitOf({ ...tree, "proc/self/cgroup": "0::/../other\n" }), 64 * MEBIBYTE);
});

Deno.test("version 1 and layouts of both", async () => {
  const both = "9:name=systemd:/\n4:memory,hugetlb:/docker/abc\n1:cpu:/docker/abc\n0::/\n";
  const memory = "sys/fs/cgroup/memory";
  const unlimited = { [`${memory}/memory.limit_in_bytes`]: "9223372036854771712\n" };
  const limited = { [`${memory}/docker/abc/memory.limit_in_bytes`]: "67108864\n" };
  equal(await limitOf({ "proc/self/cgroup": both, ...unlimited, ...limited }), 64 * MEBIBYTE);
  equal(await limitOf({ "proc/self/cgroup": both, ...unlimited }), 9223372036854771712);
  // Without a namespace the path is the host's, and the container sees its own cgroup as root.
  const inContainer = { [`${memory}/memory.limit_in_bytes`]: "33554432\n" };
  equal(await limitOf({ "proc/self/cgroup": both, ...inContainer }), 32 * MEBIBYTE);
  const onUnified = {
    "proc/self/cgroup": "2:pids:/a\n0::/a\n",
    "sys/fs/cgroup/unified/a/memory.max": "67108864\n",
  };
  equal(await limitOf(onUnified), 64 * MEBIBYTE);
});

Deno.test("no cgroups, or none with a limit, is no limit", async () => {
  equal(await limitOf({}), undefined);
  equal(await limitOf({ "proc/self/cgroup": "0::/a\n" }), undefined);
  const max = { "proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "max\n" };
  equal(await limitOf(max), undefined);
});

Deno.test("this process's own cgroup can be read", () => {
  using libc = new Libc();
  const limit = readMemoryLimit(new KernelFiles(libc));
  ok(limit === undefined || limit > MEBIBYTE);
});
