import { readBlockDeviceMounts } from "../host/mounts/block_device_mounts.ts";
import assert from "node:assert/strict";
import { plainResult } from "../../tests/harness/plain_result.ts";
import { Host } from "../host/host.ts";
import { KernelFiles } from "../linux/kernel_files.ts";
import { Libc } from "../linux/libc.ts";
import type { Mount } from "../host/mounts/mount_table.ts";
import type { JsonObject, JsonValue } from "../protocol/json_value.ts";
import { QapiError } from "../protocol/qapi_error.ts";
import { type FixtureTree, plant } from "../../tests/harness/fixtures/tree.ts";
import { type FixtureDisk, sysfsDisks } from "../../tests/harness/fixtures/sysfs_disks.ts";
import { TemporaryDirectory } from "../../tests/harness/temporary_directory.ts";
import { atOnce } from "../steps.ts";
import type { CommandContext } from "./context.ts";
import { guestGetDisks } from "./disks.ts";
import { fileSystemReply, guestGetFsinfo } from "./file_system.ts";

/** Runs something on a host whose sysfs has been made for it; its other trees are this machine's. */
async function onHost<T>(
  sysfsTree: FixtureTree,
  run: (host: Host) => T | Promise<T>,
): Promise<T> {
  await using directory = await TemporaryDirectory.create();
  using libc = new Libc();
  await plant(directory.path, sysfsTree);
  const roots = { procfs: "/proc", sysfs: directory.path, devfs: "/no/dev", rootfs: "/no/host" };
  using host = new Host(libc, new KernelFiles(libc), roots);
  return await run(host);
}

async function disks(tree: FixtureTree): Promise<JsonValue> {
  // The command uses nothing else of its context.
  const run = (host: Host) => guestGetDisks.execute({}, { host } as CommandContext);
  return plainResult(await onHost(tree, run));
}

function mountOf(major: number, minor: number): Mount {
  return {
    mountPoint: "/var",
    path: "/no/host/var",
    root: "/",
    device: { major, minor },
    fileSystemType: "xfs",
    source: "/dev/any",
    readOnly: false,
  };
}

/** What guest-get-fsinfo says of the disk that a device number stands for. */
async function fileSystem(
  tree: FixtureTree,
  major: number,
  minor: number,
): Promise<JsonObject> {
  return await onHost(
    tree,
    (host) => plainResult(fileSystemReply(host, mountOf(major, minor))),
  );
}

function pci(bus: number, slot: number, func = 0, domain = 0): JsonObject {
  return { domain, bus, slot, function: func };
}

const NO_PCI = { domain: -1, bus: -1, slot: -1, function: -1 };

/** Page 0x80 of vital product data: header, length, serial number. */
function serialPage(serial: string): Uint8Array {
  return Uint8Array.from([0, 0x80, 0, serial.length, ...new TextEncoder().encode(serial)]);
}

const VDA: FixtureDisk = {
  path: "pci0000:00/0000:00:05.0/virtio1/block/vda",
  number: "254:0",
  partitions: ["vda1", "vda2"],
  slaves: [],
  attributes: { serial: "root-disk\n" },
};
const VIRTIO_BLK = sysfsDisks([VDA], { "pci0000:00/0000:00:05.0": "virtio-pci" });

Deno.test("virtio-blk: a disk, then its partitions", async () => {
  assert.deepEqual(await disks(VIRTIO_BLK), [
    {
      name: "/dev/vda",
      partition: false,
      dependencies: [],
      address: {
        "pci-controller": pci(0, 5),
        "bus-type": "virtio",
        bus: 0,
        target: 0,
        unit: 0,
        serial: "root-disk",
        dev: "/dev/vda",
      },
    },
    { name: "/dev/vda1", partition: true, dependencies: ["/dev/vda"] },
    { name: "/dev/vda2", partition: true, dependencies: ["/dev/vda"] },
  ]);
});

Deno.test("virtio-blk: a file system on a partition has the disk's address and serial", async () => {
  assert.deepEqual(await fileSystem(VIRTIO_BLK, 254, 2), {
    name: "vda2",
    mountpoint: "/var",
    type: "xfs",
    disk: [{
      "pci-controller": pci(0, 5),
      "bus-type": "virtio",
      bus: 0,
      target: 0,
      unit: 0,
      serial: "root-disk",
      dev: "/dev/vda2",
    }],
  });
});

Deno.test("virtio-scsi behind bridges: the controller's address, and target and unit", async () => {
  const controller = "pci0000:00/0000:00:1e.0/0000:05:01.0/0000:06:02.0";
  const lun = `${controller}/virtio3/host2/target2:0:1/2:0:1:4`;
  const tree = {
    ...sysfsDisks([{ path: `${lun}/block/sda`, number: "8:0" }], {
      "pci0000:00/0000:00:1e.0": "pcieport",
      "pci0000:00/0000:00:1e.0/0000:05:01.0": "pcieport",
      [controller]: "virtio-pci",
    }),
    [`devices/${lun}/vpd_pg80`]: serialPage("drive-scsi1  "),
  };
  assert.deepEqual(await disks(tree), [{
    name: "/dev/sda",
    partition: false,
    address: {
      "pci-controller": pci(6, 2),
      "bus-type": "scsi",
      bus: 0,
      target: 1,
      unit: 4,
      serial: "drive-scsi1",
      dev: "/dev/sda",
    },
  }]);
});

Deno.test("ahci: the unit is the controller's port, not Linux' number of it", async () => {
  const controller = "pci0000:00/0000:00:1f.2";
  const tree = {
    ...sysfsDisks([{
      path: `${controller}/ata10/host9/target9:0:0/9:0:0:0/block/sda`,
      number: "8:0",
      partitions: ["sda1"],
    }], { [controller]: "ahci" }),
    // Sorted as text, ata10 would come before ata9.
    ...Object.fromEntries([8, 9, 10, 11].map((port) => [`devices/${controller}/ata${port}/x`, ""])),
    [`devices/${controller}/ata_port/x`]: "",
  };
  const { disk } = await fileSystem(tree, 8, 1);
  assert.deepEqual(disk, [{
    "pci-controller": pci(0, 31, 2),
    "bus-type": "sata",
    bus: 0,
    target: 0,
    unit: 2,
    dev: "/dev/sda1",
  }]);
});

Deno.test("IDE: the bus is the channel, the unit master or slave", async () => {
  const controller = "pci0000:00/0000:00:01.1";
  const tree = {
    ...sysfsDisks([{
      path: `${controller}/ata2/host1/target1:0:1/1:0:1:0/block/sdb`,
      number: "8:16",
    }], { [controller]: "ata_piix" }),
    [`devices/${controller}/ata1/x`]: "",
  };
  const { disk } = await fileSystem(tree, 8, 16);
  assert.deepEqual(disk, [{
    "pci-controller": pci(0, 1, 1),
    "bus-type": "ide",
    bus: 1,
    target: 0,
    unit: 1,
    dev: "/dev/sdb",
  }]);
});

Deno.test("LSI Logic: the unit is the SCSI target", async () => {
  const controller = "pci0000:00/0000:00:04.0";
  const tree = sysfsDisks([{
    path: `${controller}/host0/target0:0:3/0:0:3:0/block/sda`,
    number: "8:0",
  }], { [controller]: "sym53c8xx" });
  const { disk } = await fileSystem(tree, 8, 0);
  assert.deepEqual(disk, [{
    "pci-controller": pci(0, 4),
    "bus-type": "scsi",
    bus: 0,
    target: 0,
    unit: 3,
    dev: "/dev/sda",
  }]);
});

Deno.test("NVMe: the serial of its controller, no health when it cannot be asked", async () => {
  const controller = "pci0000:00/0000:00:03.0";
  const tree = {
    ...sysfsDisks([{
      path: `${controller}/nvme/nvme0/nvme0n1`,
      number: "259:0",
      attributes: { device: "->../../nvme0" },
    }], { [controller]: "nvme" }),
    [`devices/${controller}/nvme/nvme0/serial`]: "S1234   \n",
  };
  assert.deepEqual(await disks(tree), [{
    name: "/dev/nvme0n1",
    partition: false,
    address: {
      "pci-controller": pci(0, 3),
      "bus-type": "nvme",
      bus: 0,
      target: 0,
      unit: 0,
      serial: "S1234",
      dev: "/dev/nvme0n1",
    },
  }]);
});

Deno.test("NVMe with native multipath: its paths are no disks, and it has the first one's controller", async () => {
  const first = "pci0000:00/0000:00:03.0";
  const subsystem = "virtual/nvme-subsystem/nvme-subsys0";
  const link = (name: string, controller: string) => ({
    [`devices/${subsystem}/${name}`]: `->../../../${controller}/nvme/${name}`,
  });
  const tree = {
    ...sysfsDisks([
      { path: `${first}/nvme/nvme0/nvme0c0n1`, number: "0:0", attributes: { hidden: "1\n" } },
      {
        path: `${subsystem}/nvme0n1`,
        number: "259:0",
        attributes: { device: "->../../nvme-subsys0", hidden: "0\n" },
      },
    ], { [first]: "nvme" }),
    [`devices/${subsystem}/serial`]: "S1234\n",
    ...link("nvme0", first),
    ...link("nvme1", "pci0000:00/0000:00:04.0"),
  };
  assert.deepEqual(await disks(tree), [{
    name: "/dev/nvme0n1",
    partition: false,
    address: {
      "pci-controller": pci(0, 3),
      "bus-type": "nvme",
      bus: 0,
      target: 0,
      unit: 0,
      serial: "S1234",
      dev: "/dev/nvme0n1",
    },
  }]);
});

Deno.test("USB: the serial number is that of the USB device, not of a hub above it", async () => {
  const controller = "pci0000:00/0000:00:14.0";
  const device = `${controller}/usb2/2-1/2-1.4`;
  const tree = {
    ...sysfsDisks([{
      path: `${device}/2-1.4:1.0/host3/target3:0:0/3:0:0:0/block/sdc`,
      number: "8:32",
    }], { [controller]: "xhci_hcd" }),
    [`devices/${controller}/usb2/2-1/serial`]: "of the hub\n",
    [`devices/${device}/serial`]: "4C530001\n",
  };
  const { disk } = await fileSystem(tree, 8, 32);
  assert.deepEqual(disk, [{
    "pci-controller": pci(0, 20),
    "bus-type": "usb",
    bus: 0,
    target: 0,
    unit: 0,
    serial: "4C530001",
    dev: "/dev/sdc",
  }]);
});

Deno.test("virtio without PCI, and a disk of which nothing is known", async () => {
  const tree = sysfsDisks([
    { path: "platform/a003e00.virtio_mmio/virtio0/block/vda", number: "254:0" },
    { path: "vbd-51712/block/xvda", number: "202:0" },
    { path: "pci0000:00/0000:00:07.0/host0/target0:0:0/0:0:0:0/block/sda", number: "8:0" },
  ], { "pci0000:00/0000:00:07.0": "unheard-of" });
  const place = { "pci-controller": NO_PCI, bus: 0, target: 0, unit: 0 };
  const [vda, xvda, sda] = await Promise.all([
    fileSystem(tree, 254, 0),
    fileSystem(tree, 202, 0),
    fileSystem(tree, 8, 0),
  ]);
  assert.deepEqual(vda.disk, [{ ...place, "bus-type": "virtio", dev: "/dev/vda" }]);
  assert.deepEqual(xvda.disk, [{ ...place, "bus-type": "unknown", dev: "/dev/xvda" }]);
  assert.deepEqual(sda.disk, [{ ...place, "bus-type": "unknown", dev: "/dev/sda" }]);
});

Deno.test("encryption over a RAID: all disks below, dependencies one level, the mapper's name", async () => {
  const vdb = { ...VDA, path: "pci0000:00/0000:00:06.0/virtio2/block/vdb", number: "254:16" };
  const tree = sysfsDisks([
    VDA,
    { ...vdb, partitions: ["vdb1"], attributes: {} },
    {
      path: "virtual/block/md0",
      number: "9:0",
      slaves: [`${VDA.path}/vda2`, `${vdb.path}/vdb1`],
    },
    {
      path: "virtual/block/dm-0",
      number: "253:0",
      slaves: ["virtual/block/md0"],
      attributes: { "dm/name": "luks2-EPHEMERAL\n" },
    },
  ], { "pci0000:00/0000:00:05.0": "virtio-pci", "pci0000:00/0000:00:06.0": "virtio-pci" });
  const place = { "bus-type": "virtio", bus: 0, target: 0, unit: 0 };
  assert.deepEqual(await fileSystem(tree, 253, 0), {
    name: "dm-0",
    mountpoint: "/var",
    type: "xfs",
    disk: [
      { "pci-controller": pci(0, 5), ...place, serial: "root-disk", dev: "/dev/vda2" },
      { "pci-controller": pci(0, 6), ...place, dev: "/dev/vdb1" },
    ],
  });
  const all = await disks(tree);
  assert.ok(Array.isArray(all));
  assert.deepEqual(all.slice(0, 2), [
    {
      name: "/dev/dm-0",
      partition: false,
      dependencies: ["/dev/md0"],
      alias: "luks2-EPHEMERAL",
    },
    { name: "/dev/md0", partition: false, dependencies: ["/dev/vda2", "/dev/vdb1"] },
  ]);
});

Deno.test("a loop device is not a disk of the machine, and one without a file is not listed", async () => {
  const tree = sysfsDisks([
    { path: "virtual/block/loop0", number: "7:0", slaves: [] },
    { path: "virtual/block/loop1", number: "7:1", slaves: [], size: 0 },
  ]);
  assert.deepEqual(await disks(tree), [
    { name: "/dev/loop0", partition: false, dependencies: [] },
  ]);
  assert.deepEqual(await fileSystem(tree, 7, 0), {
    name: "loop0",
    mountpoint: "/var",
    type: "xfs",
    disk: [],
  });
});

Deno.test("partitions come in the order of their numbers, without the disk's other directories", async () => {
  const partitions = Array.from({ length: 11 }, (_, index) => `vda${index + 1}`);
  const tree = {
    ...sysfsDisks([{ ...VDA, partitions, slaves: [] }]),
    [`devices/${VDA.path}/vdax/other`]: "",
  };
  const all = await disks(tree);
  assert.ok(Array.isArray(all));
  assert.deepEqual(
    // The replies of this command are objects.
    all.slice(1).map((reply) => (reply as JsonObject)["name"]),
    partitions.map((name) => `/dev/${name}`),
  );
});

Deno.test("a slash in a device's name", async () => {
  const tree = sysfsDisks([{
    path: "pci0000:00/0000:00:08.0/c0/block/cciss!c0d0",
    number: "104:0",
  }]);
  const { name, disk } = await fileSystem(tree, 104, 0);
  assert.equal(name, "cciss!c0d0");
  assert.deepEqual(disk, [{
    "pci-controller": NO_PCI,
    "bus-type": "unknown",
    bus: 0,
    target: 0,
    unit: 0,
    dev: "/dev/cciss/c0d0",
  }]);
});

Deno.test("a device that sysfs does not know is named by its number", async () => {
  assert.deepEqual(await fileSystem({ "dev/block/": "" }, 254, 6), {
    name: "254:6",
    mountpoint: "/var",
    type: "xfs",
    disk: [],
  });
});

Deno.test("a sysfs without block devices is an error", async () => {
  await assert.rejects(disks({}), (error) => {
    assert.ok(error instanceof QapiError);
    assert.equal(error.message, `Can't open directory "/sys/block": No such file or directory`);
    return true;
  });
});

Deno.test("guest-get-fsinfo: this machine's file systems, the last one first, with their sizes", async () => {
  using libc = new Libc();
  const roots = { procfs: "/proc", sysfs: "/sys", devfs: "/dev", rootfs: "/" };
  using host = new Host(libc, new KernelFiles(libc), roots);
  // The command uses nothing else of its context.
  const { steps } = await guestGetFsinfo.execute({}, { host } as CommandContext);
  const replies = Array.from(steps).flatMap((step) => step ?? []);
  const mountPoints = atOnce(readBlockDeviceMounts(host, { include: [], exclude: [] }))
    .map(({ mountPoint }) => mountPoint);
  assert.deepEqual(
    // The replies of this command are objects.
    replies.map((reply) => (reply as JsonObject)["mountpoint"]),
    mountPoints.reverse(),
  );
  for (const reply of replies as readonly JsonObject[]) {
    const sizes = ["used-bytes", "total-bytes", "total-bytes-privileged"]
      .map((name) => BigInt(String(reply[name])));
    assert.deepEqual(sizes, sizes.toSorted((one, other) => Number(one - other)));
  }
});
