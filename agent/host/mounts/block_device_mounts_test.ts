import { resolveInRoot } from "../../linux/rooted_path.ts";
import assert from "node:assert/strict";
import { mountsOfText } from "../../../tests/harness/fixtures/mount_text.ts";
import { TemporaryDirectory } from "../../../tests/harness/temporary_directory.ts";
import { atOnce } from "../../steps.ts";
import { readBlockDeviceMounts, readWritableMounts, selectMounts } from "./block_device_mounts.ts";
import type { MountSelection } from "./mount_selection.ts";
import { type FileStatus, fileStatus } from "../../linux/file_status.ts";
import { Host } from "../host.ts";
import { KernelFiles } from "../../linux/kernel_files.ts";
import { Libc } from "../../linux/libc.ts";
import type { Mount } from "./mount_table.ts";

interface Given {
  readonly lines: readonly string[];
  readonly selection?: Partial<MountSelection>;
  readonly rootfs?: string;
  /** Paths that are files, and the numbers of device nodes. */
  readonly files?: readonly string[];
  readonly nodes?: Readonly<Record<string, number>>;
}

function select(given: Given): Mount[] {
  const { lines, selection, rootfs = "/", files = [], nodes = {} } = given;
  using libc = new Libc();
  const status = (path: string): FileStatus | undefined => {
    const minor = nodes[path];
    if (minor !== undefined) return { isDirectory: false, device: { major: 8, minor } };
    if (path.startsWith(`${rootfs === "/" ? "" : rootfs}/dev/`)) return undefined;
    return { isDirectory: !files.includes(path), device: { major: 0, minor: 0 } };
  };
  return selectMounts(
    mountsOfText(lines.join("\n"), rootfs),
    { include: [], exclude: [], ...selection },
    { rootPath: (path) => resolveInRoot(new KernelFiles(libc), rootfs, path), status },
  );
}

function mountPoints(given: Given): string[] {
  return select(given).map(({ mountPoint }) => mountPoint);
}

const PLAIN_HOST = [
  "22 27 0:21 / /proc rw - proc proc rw",
  "27 1 254:1 / / rw - ext4 /dev/vda1 rw",
  "28 27 0:23 / /run rw - tmpfs tmpfs rw",
  "29 27 254:15 / /boot/efi rw - vfat /dev/vda15 rw",
  "30 27 254:1 /srv/data /mnt/data rw - ext4 /dev/vda1 rw",
];

// A Talos control plane as a pod with `/` mounted at /host/root sees it.
const TALOS = [
  "900 800 0:120 / / rw - overlay overlay rw,lowerdir=/var/lib/containerd/l",
  "901 900 0:121 / /proc rw - proc proc rw",
  "902 900 254:6 /lib/kubelet/pods/9f/etc-hosts /etc/hosts rw - xfs /dev/vda6 rw,prjquota",
  "903 900 254:6 /lib/kubelet/pods/9f/t/1 /dev/termination-log rw - xfs /dev/vda6 rw,prjquota",
  "904 900 254:6 /lib/containerd/s/resolv.conf /etc/resolv.conf rw - xfs /dev/vda6 rw,prjquota",
  "905 900 7:0 / /host/root ro master:1 - squashfs /dev/loop0 ro",
  "906 905 0:6 / /host/root/dev rw master:2 - devtmpfs devtmpfs rw",
  "907 905 0:30 / /host/root/etc/cni rw master:3 - overlay overlay rw,upperdir=/var/system/o",
  "908 905 0:31 / /host/root/run rw master:4 - tmpfs tmpfs rw",
  "909 908 0:120 / /host/root/run/containerd/rootfs rw - overlay overlay rw",
  "910 905 254:6 / /host/root/var rw master:5 - xfs /dev/vda6 rw,prjquota",
  "911 910 254:7 / /host/root/var/lib/etcd rw master:6 - xfs /dev/vda7 rw",
  "912 910 254:6 /lib/kubelet /host/root/var/lib/kubelet rw master:5 - xfs /dev/vda6 rw,prjquota",
  "913 912 8:16 / /host/root/var/lib/kubelet/plugins/csi/globalmount rw - ext4 /dev/sdb rw",
  "914 912 8:16 / /host/root/var/lib/kubelet/pods/1a/volumes/csi/mount rw - ext4 /dev/sdb rw",
  "915 912 254:32 / /host/root/var/lib/kubelet/pods/2b/volumes/local/x rw - xfs /dev/vdc rw",
  "916 912 0:40 / /host/root/var/lib/kubelet/pods/9f/volumes/token rw - tmpfs tmpfs rw",
  "917 910 254:32 / /host/root/var/mnt/x rw master:9 - xfs /dev/vdc rw",
  "918 910 0:41 / /host/root/var/mnt/share rw - virtiofs share rw",
];

Deno.test("a plain host: its block devices, each once", () => {
  assert.deepEqual(mountPoints({ lines: PLAIN_HOST }), ["/", "/boot/efi"]);
});

Deno.test("a Talos node: system, EPHEMERAL, ETCD, and a user volume before a pod's use of it", () => {
  const mounts = select({
    lines: TALOS,
    rootfs: "/host/root",
    files: ["/etc/hosts", "/etc/resolv.conf", "/dev/termination-log"],
  });
  assert.deepEqual(mounts.map(({ mountPoint, path, source }) => [mountPoint, path, source]), [
    ["/", "/host/root", "/dev/loop0"],
    ["/var", "/host/root/var", "/dev/vda6"],
    ["/var/lib/etcd", "/host/root/var/lib/etcd", "/dev/vda7"],
    ["/var/mnt/x", "/host/root/var/mnt/x", "/dev/vdc"],
  ]);
  assert.deepEqual(mounts.map(({ readOnly }) => readOnly), [true, false, false, false]);
});

Deno.test("includes beat what is left out by default, and excludes beat includes", () => {
  const talos = (selection: Partial<MountSelection>) =>
    mountPoints({ lines: TALOS, rootfs: "/host/root", selection });
  assert.deepEqual(talos({ include: ["/var"] }), ["/var"]);
  assert.deepEqual(talos({ include: ["/var", "/var/lib/kubelet/*/globalmount"] }), [
    "/var",
    "/var/lib/kubelet/plugins/csi/globalmount",
  ]);
  assert.deepEqual(talos({ include: ["/nowhere"] }), []);
  assert.deepEqual(talos({ exclude: ["/var/lib/*", "/"] }), ["/var", "/var/mnt/x"]);
  assert.deepEqual(talos({ include: ["/var*"], exclude: ["/var/mnt/?"] }), [
    "/var",
    "/var/lib/etcd",
    "/var/lib/kubelet/plugins/csi/globalmount",
  ]);
});

Deno.test("an excluded file system does not come back by another of its mounts", () => {
  const lines = [...PLAIN_HOST, "31 27 254:15 / /efi rw - vfat /dev/vda15 rw"];
  assert.deepEqual(mountPoints({ lines, selection: { exclude: ["/"] } }), ["/boot/efi"]);
  assert.deepEqual(mountPoints({ lines, selection: { exclude: ["/boot/efi"] } }), ["/"]);
  assert.deepEqual(mountPoints({ lines, selection: { exclude: ["/efi"] } }), ["/"]);
  // Only a part of the root file system is mounted there.
  const part = { exclude: ["/mnt/data"] };
  assert.deepEqual(mountPoints({ lines, selection: part }), ["/", "/boot/efi"]);
  // Asked for by the name of a bind mount.
  assert.deepEqual(mountPoints({ lines, selection: { include: ["/mnt/*"] } }), ["/mnt/data"]);
});

Deno.test("the mount of the whole file system is taken, in the place of the device's first", () => {
  const lines = [
    "1 0 0:1 / / rw - tmpfs tmpfs rw",
    "2 1 8:1 /part /a rw - xfs /dev/sda1 rw",
    "3 1 7:0 / /image rw - ext4 /dev/loop0 rw",
    "4 1 8:1 / /whole rw - xfs /dev/sda1 rw",
    "5 1 8:1 / /again rw - xfs /dev/sda1 rw",
    "6 1 8:2 /x /b rw - xfs /dev/sda2 rw",
    "7 1 8:2 /y /c rw - xfs /dev/sda2 rw",
  ];
  assert.deepEqual(mountPoints({ lines }), ["/whole", "/image", "/b"]);
  assert.deepEqual(mountPoints({ lines, files: ["/whole", "/b"] }), ["/again", "/image", "/c"]);
  assert.deepEqual(mountPoints({ lines, files: ["/b", "/c", "/image"] }), ["/whole"]);
});

Deno.test("a btrfs has the number of its source, other file systems without a device are none", () => {
  const lines = [
    "1 0 0:33 /@ / rw - btrfs /dev/sda1 rw",
    "2 1 0:33 /@home /home rw - btrfs /dev/sda1 rw",
    "3 1 0:50 / /zfs rw - zfs /dev/sda1 rw",
    "4 1 0:34 / /gone rw - btrfs /dev/sdz rw",
    "5 1 8:1 / /ext rw - ext4 /dev/sda1 rw",
    "6 1 0:35 / /odd rw - btrfs label rw",
  ];
  const mounts = select({ lines, nodes: { "/dev/sda1": 1 } });
  assert.deepEqual(mounts.map(({ mountPoint, device }) => ({ mountPoint, ...device })), [
    { mountPoint: "/ext", major: 8, minor: 1 },
  ]);
  const [root] = select({ lines: lines.slice(0, 4), nodes: { "/dev/sda1": 1 } });
  assert.deepEqual([root?.mountPoint, root?.device], ["/", { major: 8, minor: 1 }]);
});

Deno.test("the source of a btrfs is looked up in the host's tree", async () => {
  await using directory = await TemporaryDirectory.create();
  const rootfs = directory.path;
  await Deno.mkdir(`${rootfs}/dev/mapper`, { recursive: true });
  await Deno.symlink("../dm-3", `${rootfs}/dev/mapper/luks`);
  const mounts = select({
    lines: [`1 0 0:33 / ${rootfs}/data rw - btrfs /dev/mapper/luks rw`],
    rootfs,
    nodes: { [`${rootfs}/dev/dm-3`]: 3 },
  });
  assert.deepEqual(mounts.map(({ mountPoint, device }) => [mountPoint, device.minor]), [
    ["/data", 3],
  ]);
});

Deno.test("directories, files, device nodes and missing paths are told apart", async () => {
  await using directory = await TemporaryDirectory.create();
  using libc = new Libc();
  await Deno.writeTextFile(`${directory.path}/file`, "");
  await Deno.symlink("/dev/null", `${directory.path}/null`);
  const nothing = { major: 0, minor: 0 };
  const status = (name: string) => fileStatus(libc, `${directory.path}/${name}`);
  assert.deepEqual(status(""), { isDirectory: true, device: nothing });
  assert.deepEqual(status("file"), { isDirectory: false, device: nothing });
  assert.deepEqual(status("null"), { isDirectory: false, device: { major: 1, minor: 3 } });
  assert.equal(status("none"), undefined);
});

Deno.test("the file systems of this machine can be told, each once", () => {
  using libc = new Libc();
  const roots = { procfs: "/proc", sysfs: "/sys", devfs: "/dev", rootfs: "/" };
  using host = new Host(libc, new KernelFiles(libc), roots);
  const mounts = atOnce(readBlockDeviceMounts(host, { include: [], exclude: [] }));
  const numbers = mounts.map(({ device }) => `${device.major}:${device.minor}`);
  assert.equal(new Set(numbers).size, numbers.length);
  const writable = atOnce(readWritableMounts(host, { include: [], exclude: [] }));
  assert.deepEqual(writable, mounts.filter(({ readOnly }) => !readOnly));
  assert.ok(
    mounts.every(({ device, path }) => device.major > 0 && Deno.statSync(path).isDirectory),
  );
});
