import { run } from "../harness/command.ts";
import { findProgram } from "../harness/qemu/programs.ts";

/** What a pod's containers share namespaces with: does nothing until it is told to end. */
const PAUSE = `trap 'exit 0' TERM INT
while :; do sleep 3600 & wait $!; done`;

/** The name under which containerd on the node looks for it (rootfs/etc/containerd/config.toml). */
const PAUSE_IMAGE = "localhost/pause:1";

/**
 * Builds the image of the container that holds a pod's namespaces.
 *
 * @param directory where the archive goes
 * @returns the OCI archive's path
 */
export async function buildPauseImage(directory: string): Promise<string> {
  const context = `${directory}/pause`;
  await Deno.mkdir(context);
  // All of busybox' programs are in the one file.
  await Deno.copyFile(await findProgram("busybox"), `${context}/sh`);
  await Deno.writeTextFile(
    `${context}/Containerfile`,
    `FROM scratch\nCOPY sh /sh\nENTRYPOINT ${JSON.stringify(["/sh", "-c", PAUSE])}\n`,
  );
  await run("podman", "build", "--quiet", "--tag", PAUSE_IMAGE, context);
  const archive = `${directory}/pause.tar`;
  await run("podman", "push", "--quiet", PAUSE_IMAGE, `oci-archive:${archive}:${PAUSE_IMAGE}`);
  return archive;
}

/**
 * Builds the image of generic-device-plugin, of the program that GENERIC_DEVICE_PLUGIN names or PATH has.
 *
 * @param directory where the archive goes
 * @returns the OCI archive's path, and the image's name
 */
export async function buildDevicePluginImage(
  directory: string,
): Promise<{ archive: string; image: string }> {
  const name = "generic-device-plugin";
  const image = `localhost/${name}:1`;
  const context = `${directory}/${name}`;
  await Deno.mkdir(context);
  const program = Deno.env.get("GENERIC_DEVICE_PLUGIN") ?? await findProgram(name);
  await Deno.copyFile(program, `${context}/${name}`);
  await Deno.writeTextFile(
    `${context}/Containerfile`,
    `FROM scratch\nCOPY ${name} /${name}\nENTRYPOINT ["/${name}"]\n`,
  );
  await run("podman", "build", "--quiet", "--tag", image, context);
  const archive = `${directory}/${name}.tar`;
  await run("podman", "push", "--quiet", image, `oci-archive:${archive}:${image}`);
  return { archive, image };
}

/**
 * Builds the agent's image with scripts/image, from scratch.
 *
 * @returns the OCI archive's path
 */
export async function buildAgentImage(name: string): Promise<string> {
  await run("scripts/image", "--base", "scratch", "--name", name);
  return "dist/image-amd64.tar";
}
