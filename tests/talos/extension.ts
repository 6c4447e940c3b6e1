import { run } from "../harness/command.ts";
import { newcArchive } from "../harness/qemu/newc.ts";
import { writePieces } from "../harness/qemu/initramfs.ts";

const IMAGE = "qemu-guest-agent-talos.sqsh";

/**
 * Writes an initramfs with the agent's system extension in it, as Talos' imager does: a squashfs of its files beside
 * Talos' own, and a list of both.
 *
 * @param initramfs the one without
 * @param path of the new one
 * @param directory for what it is made of
 * @throws Error when a program is missing
 */
export async function addExtension(
  initramfs: string,
  path: string,
  directory: string,
): Promise<void> {
  const tree = `${directory}/extension`;
  await run("scripts/extension", "--tree", tree);
  const squashfs = `${directory}/${IMAGE}`;
  const options = "-all-root -noappend -quiet -comp zstd".split(" ");
  await run("mksquashfs", `${tree}/rootfs`, squashfs, ...options);
  const manifest = await Deno.readTextFile(`${tree}/manifest.yaml`);
  const metadata = manifest.slice(manifest.indexOf("metadata:")).replaceAll(/^(?=.)/gm, "    ");
  const entries = [
    { kind: "file", path: "extensions.yaml", mode: 0o644, body: encode(layers(metadata)) },
    { kind: "file", path: IMAGE, mode: 0o644, body: await Deno.readFile(squashfs) },
  ] as const;
  await writePieces(path, [await Deno.readFile(initramfs), ...newcArchive(entries)]);
}

function layers(metadata: string): string {
  return `layers:\n  - image: ${IMAGE}\n${metadata}`;
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
