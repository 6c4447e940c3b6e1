import assert from "node:assert/strict";
import { plant } from "../../tests/harness/fixtures/tree.ts";
import { TemporaryDirectory } from "../../tests/harness/temporary_directory.ts";
import { KernelFiles } from "../linux/kernel_files.ts";
import { Errno, Libc, LibcError } from "../linux/libc.ts";
import { findOpener } from "../linux/open_files.ts";
import { resolveInRoot } from "../linux/rooted_path.ts";
import { Host } from "./host.ts";
import { readTimeZone } from "./time_zone.ts";
import { findVirtioPort, virtioPortNames } from "../channel/virtio_ports.ts";

Deno.test("files, directories and links are read through libc", async () => {
  await using directory = await TemporaryDirectory.create();
  using libc = new Libc();
  const files = new KernelFiles(libc);
  const { path } = directory;
  const long = "é".repeat(5000);
  await plant(path, { "é": ` ${long}\n`, b: "", a: "->é", "d/x": "" });
  assert.equal(files.readText(`${path}/a`), ` ${long}\n`);
  assert.equal(files.readAttribute(`${path}/a`), long);
  assert.equal(files.readAttribute(`${path}/none`), undefined);
  assert.equal(files.readAttribute(`${path}/d`), undefined);
  assert.deepEqual(files.list(path), ["a", "b", "d", "é"]);
  assert.deepEqual(files.list(`${path}/none`), []);
  assert.throws(() => files.list(`${path}/b`), LibcError);
  assert.equal(files.readLink(`${path}/a`), "é");
  assert.equal(files.readLink(`${path}/b`), undefined);
  assert.deepEqual([files.exists(`${path}/d`), files.exists(`${path}/none`)], [true, false]);
  assert.throws(() => files.readText(`${path}/none`), (error) => {
    assert.ok(error instanceof LibcError);
    assert.equal(error.errno, Errno.ENOENT);
    assert.equal(error.message, `open ${path}/none: No such file or directory`);
    return true;
  });
});

Deno.test("attributes are written in one call, and only where they exist", async () => {
  await using directory = await TemporaryDirectory.create();
  using libc = new Libc();
  const files = new KernelFiles(libc);
  const { path } = directory;
  await plant(path, { state: "online" });
  files.writeText(`${path}/state`, "é");
  assert.equal(files.readText(`${path}/state`), "éline");
  assert.throws(() => files.writeText(`${path}/none`, "1"), (error) => {
    assert.ok(error instanceof LibcError);
    assert.equal(error.message, `open ${path}/none: No such file or directory`);
    return true;
  });
  assert.equal(files.exists(`${path}/none`), false);
  assert.equal(files.readAttributeIfPresent(`${path}/none`), undefined);
  assert.equal(files.readAttributeIfPresent(`${path}/state`), "éline");
  assert.throws(() => files.readAttributeIfPresent(path), LibcError);
  assert.throws(() => files.writeText("/dev/full", "1"), /^LibcError: write \/dev\/full: No space/);
});

Deno.test("links are followed without leaving the root", async () => {
  await using directory = await TemporaryDirectory.create();
  using libc = new Libc();
  const files = new KernelFiles(libc);
  const { path } = directory;
  await plant(path, {
    "usr/share/zone": "",
    "etc/absolute": "->/usr/share/zone",
    "etc/relative": "->../../../usr/./share/zone",
    "etc/chain": "->absolute",
    "etc/dir": "->/usr",
    "etc/loop": "->loop",
  });
  const zone = `${path}/usr/share/zone`;
  for (const name of ["absolute", "relative", "chain", "dir/share/zone"]) {
    assert.equal(resolveInRoot(files, path, `/etc/${name}`), zone, name);
  }
  assert.equal(resolveInRoot(files, path, "/../../x"), `${path}/x`);
  assert.throws(() => resolveInRoot(files, path, "/etc/loop"), /too many symbolic links/);
});

Deno.test("a virtio port is found by its name", async () => {
  await using directory = await TemporaryDirectory.create();
  using libc = new Libc();
  const files = new KernelFiles(libc);
  const roots = { sysfs: directory.path, devfs: "/host/dev" };
  assert.equal(findVirtioPort(files, roots, "b"), undefined);
  await plant(`${directory.path}/class/virtio-ports`, {
    "vport0p1/name": "a\n",
    "vport0p2/name": "b\n",
    "vport0p3/other": "",
  });
  assert.equal(findVirtioPort(files, roots, "b"), "/host/dev/vport0p2");
  assert.deepEqual(virtioPortNames(files, roots), ["a", "b"]);
});

Deno.test("the process that has a device open is found by the device's name", async () => {
  await using directory = await TemporaryDirectory.create();
  using libc = new Libc();
  const files = new KernelFiles(libc);
  await plant(directory.path, {
    "1/comm": "init\n",
    "1/fd/0": "->/dev/null",
    "12/comm": "qemu-ga\n",
    "12/fd/3": "->/vport0p1",
    "12/fd/4": "->/host/dev/vport0p1",
    "13/comm": "gone\n",
    "self/fd/4": "->/dev/vport0p9",
  });
  const opener = (device: string) => findOpener(files, directory.path, device);
  assert.deepEqual(opener("/dev/vport0p1"), { pid: 12, command: "qemu-ga" });
  assert.equal(opener("/dev/vport0p9"), undefined);
});

/** A host whose trees lie in a directory. */
function hostIn(path: string, libc: Libc): Host {
  const roots = {
    procfs: `${path}/proc`,
    sysfs: `${path}/sys`,
    devfs: `${path}/dev`,
    rootfs: path,
  };
  return new Host(libc, new KernelFiles(libc), roots);
}

Deno.test("a host without /etc/localtime is at UTC, one with a zone file at its zone", async () => {
  await using directory = await TemporaryDirectory.create();
  using libc = new Libc();
  using host = hostIn(directory.path, libc);
  const zone = () => readTimeZone(host);
  assert.deepEqual(zone(), { zone: "UTC", offset: 0 });
  // A zone file with nothing but its footer (tzfile(5), version 2).
  const header = (types: number, names: number) =>
    `TZif2${"\0".repeat(15)}${"\0".repeat(12)}${"\0".repeat(4)}\0\0\0${
      String.fromCharCode(types)
    }\0\0\0${String.fromCharCode(names)}`;
  const body = `${header(1, 5)}\0\0\x1c\x20\0\0CEST\0`;
  await plant(directory.path, {
    "zones/Test": `${body}${body}\nCEST-2\n`,
    "etc/localtime": "->/zones/Test",
  });
  assert.deepEqual(zone(), { zone: "CEST", offset: 7200 });
  await plant(directory.path, {
    "zones/Test": `${body}${body}\nCEST-2\n`.replaceAll("CEST", "EEST").replaceAll(
      "\x1c\x20",
      "\x2a\x30",
    ),
  });
  assert.deepEqual(zone(), { zone: "EEST", offset: 10800 });
  assert.equal(Deno.env.get("TZ"), undefined);
});
