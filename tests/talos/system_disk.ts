import { run } from "../harness/command.ts";

const MIB = 1024 * 1024;
/** Between META and EPHEMERAL Talos makes STATE. */
const EPHEMERAL_START_MIB = 512;
const SIZE_MIB = 12 * 1024;

/**
 * Makes a system disk as Talos' own disk images have it, a GUID partition table with EFI and META, and with an
 * EPHEMERAL that an earlier life of the machine has left: it has pulled its images. STATE Talos makes itself. Needs root.
 *
 * @param path of the qcow2 file; it is overwritten
 * @param store what is /var/lib/containerd; a copy goes there
 */
export async function makeSystemDisk(path: string, store: string): Promise<void> {
  const raw = `${path}.raw`;
  await run("truncate", `--size=${SIZE_MIB}M`, raw);
  await run(
    ...["sgdisk", "--new=1:2048:+100M", "--typecode=1:ef00", "--change-name=1:EFI"] as const,
    ...["--new=2:0:+1M", "--typecode=2:8300", "--change-name=2:META"],
    ...[`--new=4:${EPHEMERAL_START_MIB}M:0`, "--typecode=4:8300", "--change-name=4:EPHEMERAL", raw],
  );
  const sectors = /^ +4 +\d+ +(\d+) /m.exec(await run("sgdisk", "--print", raw))?.[1];
  const offset = EPHEMERAL_START_MIB * MIB;
  const size = (Number(sectors) + 1) * 512 - offset;
  const device = (await run(
    ...["losetup", "--find", "--show", "--offset", String(offset)] as const,
    ...["--sizelimit", String(size), raw],
  )).trim();
  try {
    await run("mkfs.xfs", "-q", "-L", "EPHEMERAL", device);
    const mountPoint = `${path}.mounted`;
    await Deno.mkdir(mountPoint);
    await run("mount", device, mountPoint);
    try {
      await Deno.mkdir(`${mountPoint}/lib`);
      await run("cp", "--archive", store, `${mountPoint}/lib/containerd`);
    } finally {
      await run("umount", mountPoint);
      await Deno.remove(mountPoint);
    }
  } finally {
    await run("losetup", "--detach", device);
  }
  await run("qemu-img", "convert", "-O", "qcow2", raw, path);
  await Deno.remove(raw);
}

/** Makes an empty disk, for a user volume; `path` is of the qcow2 file, which is overwritten. */
export async function makeDataDisk(path: string): Promise<void> {
  await run("qemu-img", "create", "-q", "-f", "qcow2", path, "2G");
}
