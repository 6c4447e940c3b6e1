import assert from "node:assert/strict";
import { sysfsDisks } from "../../../tests/harness/fixtures/sysfs_disks.ts";
import { plant } from "../../../tests/harness/fixtures/tree.ts";
import { TemporaryDirectory } from "../../../tests/harness/temporary_directory.ts";
import { KernelFiles } from "../../linux/kernel_files.ts";
import { Libc } from "../../linux/libc.ts";
import { Host } from "../host.ts";
import { takesDiscards } from "./block_devices.ts";

Deno.test("a partition takes discards as its disk does, and an unknown device is asked", async () => {
  await using directory = await TemporaryDirectory.create();
  using libc = new Libc();
  const attributes = (most: string) => ({ "queue/discard_max_bytes": `${most}\n` });
  await plant(
    directory.path,
    sysfsDisks([
      {
        path: "virtual/block/vda",
        number: "8:0",
        partitions: ["vda1"],
        attributes: attributes("0"),
      },
      { path: "virtual/block/dm-0", number: "254:0", attributes: attributes("4096") },
      { path: "virtual/block/dm-1", number: "254:1" },
    ]),
  );
  const { path } = directory;
  const roots = { procfs: path, sysfs: path, devfs: path, rootfs: path };
  using host = new Host(libc, new KernelFiles(libc), roots);
  const takes = (major: number, minor: number) => takesDiscards(host, { major, minor });
  assert.deepEqual([takes(8, 0), takes(8, 1)], [false, false]);
  assert.deepEqual([takes(254, 0), takes(254, 1), takes(7, 7)], [true, true, true]);
});
