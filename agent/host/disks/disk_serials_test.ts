import assert from "node:assert/strict";
import { plant } from "../../../tests/harness/fixtures/tree.ts";
import { TemporaryDirectory } from "../../../tests/harness/temporary_directory.ts";
import { DiskSerials } from "./disk_serials.ts";
import { KernelFiles } from "../../linux/kernel_files.ts";
import { Libc } from "../../linux/libc.ts";

Deno.test("a disk is asked for its serial number once, another one at its place again", async () => {
  await using directory = await TemporaryDirectory.create();
  using libc = new Libc();
  const files = new KernelFiles(libc);
  const serials = new DiskSerials();
  const disk = { name: "vda", path: `${directory.path}/vda` };
  const serial = async (tree: Record<string, string>): Promise<string | undefined> => {
    await plant(disk.path, tree);
    return serials.read(files, disk);
  };
  assert.equal(await serial({ diskseq: "1\n" }), undefined);
  assert.equal(await serial({ serial: "first" }), "first");
  assert.equal(await serial({ serial: "asked again" }), "first");
  assert.equal(await serial({ serial: "second", diskseq: "2\n" }), "second");
  await Deno.remove(`${disk.path}/diskseq`);
  assert.equal(await serial({ serial: "of an old kernel" }), "of an old kernel");
});

Deno.test("a drive is asked where sysfs has no serial number, and once", async () => {
  await using directory = await TemporaryDirectory.create();
  using libc = new Libc();
  const files = new KernelFiles(libc);
  const serials = new DiskSerials();
  const identities = ["QM00003", "QM00005"];
  const read = (name: string): string | undefined =>
    serials.read(files, { path: `${directory.path}/${name}` }, () => identities.shift());
  await plant(directory.path, { "sr0/diskseq": "1\n", "sda/diskseq": "2\n", "sda/serial": "own" });
  assert.equal(read("sr0"), "QM00003");
  assert.equal(read("sr0"), "QM00003");
  assert.equal(read("sda"), "own");
});
