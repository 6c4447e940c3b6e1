import assert from "node:assert/strict";
import fc from "fast-check";
import { anyCuts, reusedChunks } from "../../../tests/harness/chunks.ts";
import { mountsOfText } from "../../../tests/harness/fixtures/mount_text.ts";
import { checkProperty } from "../../../tests/harness/property.ts";
import { TemporaryDirectory } from "../../../tests/harness/temporary_directory.ts";
import { atOnce } from "../../steps.ts";
import { KernelFiles } from "../../linux/kernel_files.ts";
import { Libc, LibcError } from "../../linux/libc.ts";
import { type Mount, parseMountinfo, readMountTable } from "./mount_table.ts";

const ALL = () => true;

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
      readOnly: true,
    },
    {
      mountPoint: "/",
      path: "/",
      root: "/",
      device: { major: 0, minor: 2 },
      fileSystemType: "btrfs",
      source: "",
      readOnly: false,
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
  const own = atOnce(readMountTable(files, "/", ALL));
  assert.deepEqual(own, mountsOfText(await Deno.readTextFile("/proc/self/mountinfo"), "/"));
  assert.deepEqual(atOnce(readMountTable(files, "/no/such/tree", ALL)), []);
  assert.throws(() => atOnce(readMountTable(files, "/", ALL, `${directory.path}/none`)), LibcError);
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

/** What `readMountTable` has to give, from the text as a whole. */
function reference(text: string, rootfs: string, wanted: (path: string) => boolean): Mount[] {
  interface Entry extends Mount {
    readonly id: string;
    readonly parent: string;
  }
  const unescape = (field: string) =>
    field.replace(
      /\\(\d{3})/g,
      (_match, digits) => String.fromCharCode(Number.parseInt(digits, 8)),
    );
  const entries = text.split("\n").flatMap((line): Entry[] => {
    const match = /^(\d+) (\d+) (\d+):(\d+) (\S+) (\S+) (\S+) (?:\S+ )*?- (\S+) (\S*) ?(\S*)/
      .exec(line);
    if (match === null) return [];
    const [, id = "", parent = "", major, minor, root = "", point = ""] = match;
    const [type = "", source = "", superOptions = ""] = match.slice(8);
    const path = unescape(point);
    const mountPoint = rootfs === "/" ? path : path.slice(rootfs.length) || "/";
    return [{
      id,
      parent,
      mountPoint,
      path,
      root: unescape(root),
      device: { major: Number(major), minor: Number(minor) },
      fileSystemType: type,
      source: unescape(source),
      readOnly: /^ro(?:,|$)/.test(superOptions),
    }];
  });
  const ids = new Set(entries.map(({ id }) => id));
  const parentOf = ({ id, parent }: Entry) => parent !== id && ids.has(parent) ? parent : undefined;
  const lookUp = (path: string): Entry | undefined => {
    const steps = path.split("/").slice(1).map((_, index, names) =>
      `/${names.slice(0, index + 1).join("/")}`
    );
    let found: Entry | undefined;
    for (const step of path === "/" ? ["/"] : ["/", ...steps]) {
      for (;;) {
        const next = entries.findLast((entry) =>
          entry.path === step && parentOf(entry) === found?.id
        );
        if (next === undefined) break;
        found = next;
      }
    }
    return found;
  };
  const isBelow = (path: string) =>
    rootfs === "/" || path === rootfs || path.startsWith(`${rootfs}/`);
  const onDevice = entries.filter(({ device, fileSystemType, path }) =>
    (device.major !== 0 || fileSystemType === "btrfs") && isBelow(path)
  );
  const isFirst = (entry: Entry) =>
    onDevice.find(({ device }) =>
      device.major === entry.device.major && device.minor === entry.device.minor
    ) === entry;
  return onDevice.filter((entry) => isFirst(entry) || wanted(entry.mountPoint))
    .filter((entry) => lookUp(entry.path) === entry)
    .map(({ id: _id, parent: _parent, ...mount }) => mount);
}

Deno.test("the table is read alike wherever it is cut, and as from the whole text", async () => {
  const path = fc.array(fc.constantFrom("a", "b", "c\\040d", "é"), { maxLength: 3 })
    .map((names) => `/${names.join("/")}`);
  const place = fc.record({
    parent: fc.nat(12),
    device: fc.constantFrom("8:1", "8:2", "254:6", "0:30", "0:31", "0:32", "0:33"),
    root: path,
    point: path,
    options: fc.constantFrom("rw", "ro,noatime"),
    tags: fc.constantFrom("", "shared:1 ", "master:1 propagate_from:2 "),
    type: fc.constantFrom("xfs", "tmpfs", "btrfs", "overlay"),
    source: fc.constantFrom("/dev/sda1", "tmpfs", "", "/dev/my\\040disk"),
    superOptions: fc.constantFrom("rw", "ro,lowerdir=/var/lib/l"),
    garbage: fc.constantFrom("", "", "", "x", "1 2 3", "9 1 8:1 / /a rw xfs x rw"),
  });
  const table = fc.array(place, { maxLength: 12 }).map((places) =>
    places.flatMap((each, index) => {
      const { parent, device, root, point, options, tags, type, source, superOptions } = each;
      const tail = `${options} ${tags}- ${type} ${source} ${superOptions}`;
      const line = `${index} ${parent} ${device} ${root} ${point} ${tail}`;
      return each.garbage === "" ? [line] : [each.garbage, line];
    }).join("\n")
  );
  const rootfs = fc.constantFrom("/", "/a", "/a/b");
  const asked = fc.constantFrom<((path: string) => boolean)[]>(
    ALL,
    () => false,
    (point) => point.includes("b"),
  );
  await checkProperty(
    "mount tables",
    fc.tuple(table, rootfs, asked, anyCuts),
    ([text, root, wanted, cuts]) => {
      const chunks = reusedChunks(new TextEncoder().encode(text), cuts);
      assert.deepEqual(
        atOnce(parseMountinfo(chunks, root, wanted)),
        reference(text, root, wanted),
      );
    },
    1000,
  );
});

Deno.test("of 6,000 mounts only those of block devices are looked at, and few are kept", () => {
  const lines = ["1 0 8:1 / / rw - xfs /dev/sda1 rw", "2 1 8:2 / /var rw - xfs /dev/sda2 rw"];
  for (let index = 3; index <= 5000; index++) {
    lines.push(`${index} 2 0:${index} / /var/lib/p/${index} rw - tmpfs tmpfs rw`);
  }
  for (let index = 5001; index <= 6000; index++) {
    lines.push(`${index} 2 8:2 /p/${index} /var/lib/p/${index} rw - xfs /dev/sda2 rw`);
  }
  const asked: string[] = [];
  const mounts = mountsOfText(lines.join("\n"), "/", (mountPoint) => {
    asked.push(mountPoint);
    return mountPoint === "/var/lib/p/5500";
  });
  assert.deepEqual(mounts.map(({ mountPoint }) => mountPoint), ["/", "/var", "/var/lib/p/5500"]);
  assert.equal(asked.length, 1000);
});

Deno.test("a number that the kernel has given again is the later mount's", () => {
  // /a was unmounted while the table was read, and /b mounted.
  assert.deepEqual(
    mountPoints([
      "1 0 8:1 / / rw - xfs x rw",
      "2 1 8:2 / /a rw - xfs x rw",
      "3 2 8:3 / /b/c rw - xfs x rw",
      "2 1 8:4 / /b rw - xfs x rw",
    ]),
    ["/", "/b/c", "/b"],
  );
});

Deno.test("a table is read in as many steps as the kernel gives chunks", () => {
  const chunks = ["1 0 8:1 / / rw - xfs x rw\n", "2 1 8:2 / /a rw - xfs x rw\n"]
    .map((line) => new TextEncoder().encode(line));
  const steps = parseMountinfo(chunks, "/", ALL);
  assert.deepEqual([steps.next().done, steps.next().done], [false, false]);
  assert.equal(steps.next().done, true);
});
