import { deepEqual } from "node:assert/strict";
import { bootTalosGuest, startTalosApi } from "../harness/qemu/talos_guest.ts";
import { TemporaryDirectory } from "../harness/temporary_directory.ts";

const SLOW = { timeoutMs: 60_000 };

interface Disk {
  readonly name: string;
  readonly partition: boolean;
  readonly address?: { readonly "bus-type": string; readonly serial?: string };
}

Deno.test("disks and optical drives have the serial numbers that the hypervisor gave them", async () => {
  await using directory = await TemporaryDirectory.create();
  const image = `${directory.path}/image`;
  await Deno.writeFile(image, new Uint8Array(4 * 1024 * 1024));
  const drive = (id: string, media: string): string[] => [
    ...[
      "-drive",
      `if=none,id=${id},file=${image},format=raw,readonly=on,file.locking=off,media=${media}`,
    ],
  ];
  await using api = await startTalosApi();
  await using guest = await bootTalosGuest(api, {
    guest: {
      modules: ["ata_piix", "virtio_scsi", "sd_mod", "sr_mod"],
      extraDevices: [
        ...drive("ide", "cdrom"),
        ...["-device", "ide-cd,bus=ide.0,drive=ide,serial=CD-OF-IDE"],
        ...["-device", "virtio-scsi-pci,id=scsi"],
        ...drive("scsicd", "cdrom"),
        ...["-device", "scsi-cd,bus=scsi.0,drive=scsicd,serial=CD-OF-SCSI"],
        ...drive("scsi", "disk"),
        ...["-device", "scsi-hd,bus=scsi.0,drive=scsi,serial=DISK-OF-SCSI"],
        ...drive("drive-scsi1", "disk"),
        ...["-device", "scsi-hd,bus=scsi.0,drive=drive-scsi1"],
        ...drive("drive-scsi2", "cdrom"),
        ...["-device", "scsi-cd,bus=scsi.0,drive=drive-scsi2"],
        ...drive("virtio", "disk"),
        ...["-device", "virtio-blk-pci,drive=virtio,serial=DISK-OF-VIRTIO"],
      ],
    },
  });
  await using agent = await guest.agent();
  await agent.sync(SLOW);
  // As the schema has it.
  const disks = await agent.execute("guest-get-disks", undefined, SLOW) as Disk[];
  const described = disks.filter(({ name }) => !/zram|loop|ram/.test(name))
    .map(({ address }) => `${address?.["bus-type"]} ${address?.serial}`);
  deepEqual(described.sort(), [
    "ide CD-OF-IDE",
    "scsi CD-OF-SCSI",
    "scsi DISK-OF-SCSI",
    "scsi drive-scsi1",
    "scsi drive-scsi2",
    "virtio DISK-OF-VIRTIO",
  ]);
});
