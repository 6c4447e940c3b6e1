import assert from "node:assert/strict";
import fc from "fast-check";
import { mountsOfText } from "../testing/mount_text.ts";
import { checkProperty } from "../testing/property.ts";
import { TemporaryDirectory } from "../testing/talos_temporary_directory.ts";
import { KernelFiles } from "./kernel_files.ts";
import { Libc, LibcError } from "./libc.ts";
import { readMountTable } from "./mount_table.ts";

function mountPoints(lines: readonly string[], rootfs = "/"): string[] {
  return mountsOfText(lines.join("\n"), rootfs).map(({ mountPoint }) => mountPoint);
}

Deno.test("every field of a block device or btrfs is read, with and without optional fields", () => {
  const text =
    "36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:7 - ext3 /dev/root ro,errors=x\n" +
    "37 36 0:3 / /mnt2/tmp rw - tmpfs tmpfs rw\n" +
    "35 1 0:2 / / rw - btrfs  rw\n";
  assert.deepEqual(mountsOfText(text, "/"), [
    {
      mountPoint: "/mnt2",
      path: "/mnt2",
      root: "/mnt1",
      device: { major: 98, minor: 0 },
      fileSystemType: "ext3",
      source: "/dev/root",
      options: ["rw", "noatime"],
      superOptions: ["ro", "errors=x"],
    },
    {
      mountPoint: "/",
      path: "/",
      root: "/",
      device: { major: 0, minor: 2 },
      fileSystemType: "btrfs",
      source: "",
      options: ["rw"],
      superOptions: ["rw"],
    },
  ]);
});

Deno.test("octal escapes are decoded", () => {
  const [root, mount] = mountsOfText(
    "1 0 8:1 / / rw - xfs /dev/sda1 rw\n" +
      String.raw`2 1 8:2 /a\040b /mnt/\011x\012\134\0430\999é rw - xfs /dev/my\040disk rw`,
    "/",
  );
  assert.equal(root?.mountPoint, "/");
  assert.equal(mount?.root, "/a b");
  assert.equal(mount?.mountPoint, "/mnt/\tx\n\\#0\\999é");
  assert.equal(mount?.source, "/dev/my disk");
});

Deno.test("below a mounted host tree the prefix is stripped and the container's own left out", () => {
  const mounts = mountsOfText(
    [
      "600 500 0:90 / / rw - overlay overlay rw",
      "601 600 7:0 / /host/root ro - squashfs /dev/loop0 ro",
      "602 601 254:6 / /host/root/var rw - xfs /dev/vda6 rw",
      "603 600 254:6 /lib/kubelet/x /etc/hosts rw - xfs /dev/vda6 rw",
      "604 600 254:6 /other /host/rootless rw - xfs /dev/vda6 rw",
    ].join("\n"),
    "/host/root",
  );
  assert.deepEqual(mounts.map(({ mountPoint, path }) => [mountPoint, path]), [
    ["/", "/host/root"],
    ["/var", "/host/root/var"],
  ]);
});

Deno.test("a mount that another one hides is left out", () => {
  const root = "1 0 8:1 / / rw - xfs /dev/sda1 rw";
  // At the same place.
  assert.deepEqual(
    mountsOfText(
      [root, "2 1 8:2 / /a rw - xfs x rw", "3 2 8:3 / /a rw - xfs x rw"].join("\n"),
      "/",
    ).map(({ device }) => device.minor),
    [1, 3],
  );
  // Above it: /a/b is of the /a that was there before.
  const above = [
    root,
    "2 1 8:2 / /a rw - xfs x rw",
    "3 2 8:3 / /a/b rw - xfs x rw",
    "4 2 8:4 / /a rw - xfs x rw",
  ];
  assert.deepEqual(mountPoints(above), ["/", "/a"]);
  // The later /a has a mount of its own there.
  assert.deepEqual(mountPoints([...above, "5 4 8:5 / /a/b rw - xfs x rw"]), ["/", "/a", "/a/b"]);
  // The whole tree, by a mount on the root, as the initramfs is hidden.
  assert.deepEqual(
    mountPoints([
      "1 1 0:2 / / rw - rootfs rootfs rw",
      "2 1 0:3 / /dev rw - devtmpfs dev rw",
      "3 1 8:1 / / rw - xfs /dev/sda1 rw",
      "4 3 8:2 / /var rw - xfs /dev/sda2 rw",
    ]),
    ["/", "/var"],
  );
  // Two mounts side by side on the same parent: the later one is found.
  assert.deepEqual(
    mountsOfText(
      [root, "2 1 8:2 / /a rw - xfs x rw", "3 1 8:3 / /a rw - xfs x rw"].join("\n"),
      "/",
    ).map(({ device }) => device.minor),
    [1, 3],
  );
});

Deno.test("the parent may come later or be out of sight", () => {
  assert.deepEqual(
    mountPoints(["3 2 8:3 / /a/b rw - xfs x rw", "2 9 8:2 / /a rw - xfs x rw"]),
    ["/a/b", "/a"],
  );
});

Deno.test("lines of another shape are passed over", () => {
  const lines = ["", "x", "1 0 8:1 / / rw xfs x rw", "1 0 8 / / rw - xfs x rw", "1 0 8:1 / "];
  assert.deepEqual(mountPoints(lines), []);
  assert.deepEqual(mountPoints(["1 0 8:1 / a rw - xfs x rw", "1 0 8:1 / / rw - xfs"]), []);
});

Deno.test("this process' own table is read, and a missing one is an error", async () => {
  await using directory = await TemporaryDirectory.create();
  using libc = new Libc();
  const files = new KernelFiles(libc);
  const own = readMountTable(files, "/");
  assert.deepEqual(own, mountsOfText(await Deno.readTextFile("/proc/self/mountinfo"), "/"));
  assert.deepEqual(readMountTable(files, "/no/such/tree"), []);
  assert.throws(() => readMountTable(files, "/", `${directory.path}/none`), LibcError);
});

Deno.test("any text is read, and each mount point comes once", async () => {
  const id = fc.integer({ min: 0, max: 6 });
  const path = fc.array(fc.constantFrom("a", "b", "", "..", "\\040", "\\", "é"), { maxLength: 3 })
    .map((names) => `/${names.join("/")}`);
  const line = fc.tuple(id, id, path, path, fc.constantFrom("rw", "", "-"))
    .map(([own, parent, root, point, options]) =>
      `${own} ${parent} 8:${own} ${root} ${point} ${options} - xfs x rw`
    );
  const text = fc.array(fc.oneof(line, fc.string()), { maxLength: 12 })
    .map((lines) => lines.join("\n"));
  await checkProperty("mountinfo", fc.tuple(text, fc.constantFrom("/", "/a")), ([table, root]) => {
    const points = mountsOfText(table, root).map(({ mountPoint }) => mountPoint);
    assert.equal(new Set(points).size, points.length);
  });
});
