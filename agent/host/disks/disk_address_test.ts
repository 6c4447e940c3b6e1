import assert from "node:assert/strict";
import fc from "fast-check";
import { plant } from "../../../tests/harness/fixtures/tree.ts";
import { checkProperty } from "../../../tests/harness/property.ts";
import { TemporaryDirectory } from "../../../tests/harness/temporary_directory.ts";
import { readDiskAddress } from "./disk_address.ts";
import { Host } from "../host.ts";
import { KernelFiles } from "../../linux/kernel_files.ts";
import { Libc } from "../../linux/libc.ts";

Deno.test("any path of a device and any page with a serial number give an address", async () => {
  await using directory = await TemporaryDirectory.create();
  using libc = new Libc();
  const { path: tree } = directory;
  const roots = { procfs: tree, sysfs: tree, devfs: tree, rootfs: tree };
  const hostNow = () => new Host(libc, new KernelFiles(libc), roots);
  const controller = `${directory.path}/devices/pci0000:00/0000:00:02.0`;
  const component = fc.constantFrom(
    "virtio1",
    "ata1",
    "host0",
    "target0:0:0",
    "0:0:1:2",
    "target",
    "0000:01:00.0",
    "block",
    "sda",
    "",
    "..",
  );
  const driver = fc.constantFrom("virtio-pci", "ahci", "ata_piix", "sym53c8xx", "nvme", "pcieport");
  const given = fc.tuple(driver, fc.array(component, { maxLength: 6 }), fc.uint8Array());
  await checkProperty("paths in sysfs", given, async ([name, components, page]) => {
    const path = [controller, ...components, "disk"].join("/");
    await plant("", {
      [`${controller}/driver`]: `->../../../bus/pci/drivers/${name}`,
      [`${directory.path}/disk/device/vpd_pg80`]: Uint8Array.from(page),
    });
    using host = hostNow();
    const address = readDiskAddress(host, { name: "disk", path });
    assert.ok([address.bus, address.target, address.unit].every(Number.isInteger));
    assert.equal(address.device, "/dev/disk");
    const { serial } = readDiskAddress(host, { name: "disk", path: `${directory.path}/disk` });
    assert.notEqual(serial, "");
    await Deno.remove(`${controller}/driver`);
  });
});
