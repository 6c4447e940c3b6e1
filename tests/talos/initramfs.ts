import { run } from "../harness/command.ts";
import { AMD64, findBusybox } from "../harness/qemu/architecture.ts";
import { type Kernel, readModules } from "../harness/qemu/kernel.ts";
import { writePieces } from "../harness/qemu/initramfs.ts";
import { type ArchiveEntry, newcArchive } from "../harness/qemu/newc.ts";
import { EARLY_MODULES, makeRootFileSystem } from "./root_file_system.ts";
import { findTalosProgram } from "./talos_files.ts";

const encoder = new TextEncoder();

/**
 * Writes the initramfs that Talos boots from: its init, its root file system as squashfs, and before them a
 * script that loads what Talos' own kernel has built in.
 *
 * @param directory for what it is made of
 * @throws Error when a program or a module is missing
 */
export async function writeTalosInitramfs(
  path: string,
  directory: string,
  kernel: Kernel,
): Promise<void> {
  const tree = `${directory}/rootfs`;
  await makeRootFileSystem(tree, kernel);
  const squashfs = `${directory}/rootfs.sqsh`;
  // Not compressed: to unpack it takes the emulated machine longer than to read it.
  await run(
    "mksquashfs",
    tree,
    squashfs,
    ..."-all-root -noappend -noI -noD -noF -noX -quiet".split(" "),
  );
  await Deno.remove(tree, { recursive: true });
  const program = async (name: string, source: string): Promise<ArchiveEntry> => ({
    kind: "file",
    path: name,
    body: await Deno.readFile(source),
    mode: 0o755,
  });
  const modules = await readModules(kernel, EARLY_MODULES);
  const lines = [
    "#!/busybox sh",
    ...modules.map(({ name }) => `/busybox insmod /m/${name}.ko`),
    // See the kernel's options: its clock is stable by now.
    "/busybox mount -t sysfs sysfs /sys",
    "echo 1 >/sys/devices/system/cpu/cpu1/online",
    "/busybox umount /sys",
    "exec /talos-init",
    "",
  ];
  const entries: ArchiveEntry[] = [
    ...["dev", "proc", "sys", "root", "m"].map((path) => ({ kind: "directory", path }) as const),
    { kind: "character-device", path: "dev/console", mode: 0o600, major: 5, minor: 1 },
    ...modules.map(({ name, object }) =>
      ({ kind: "file", path: `m/${name}.ko`, body: object, mode: 0o644 }) as const
    ),
    { kind: "file", path: "init", body: encoder.encode(lines.join("\n")), mode: 0o755 },
    await program("busybox", await findBusybox(AMD64)),
    await program("talos-init", await findTalosProgram("talos-init")),
    await program("rootfs.sqsh", squashfs),
  ];
  await writePieces(path, newcArchive(entries));
  await Deno.remove(squashfs);
}
