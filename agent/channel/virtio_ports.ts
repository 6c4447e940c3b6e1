import type { KernelFiles } from "../linux/kernel_files.ts";

/** The root directories under which the kernel's trees are found. */
export interface DeviceRoots {
  /** What is `/sys` on the host. */
  readonly sysfs: string;
  /** What is `/dev` on the host. */
  readonly devfs: string;
}

/**
 * The device file of a virtio-serial port, found by its name in `/sys/class/virtio-ports`
 * (drivers/char/virtio_console.c), since links such as `/dev/virtio-ports/NAME` exist only where udev
 * made them.
 *
 * @returns its path under the devfs root, or undefined when there is no port of that name
 */
export function findVirtioPort(
  files: KernelFiles,
  roots: DeviceRoots,
  name: string,
): string | undefined {
  const directory = `${roots.sysfs}/class/virtio-ports`;
  const device = files.list(directory).find((port) =>
    files.readAttribute(`${directory}/${port}/name`) === name
  );
  return device === undefined ? undefined : `${roots.devfs}/${device}`;
}

/** The names of all virtio-serial ports, for a message that says what there is. */
export function virtioPortNames(files: KernelFiles, roots: DeviceRoots): string[] {
  const directory = `${roots.sysfs}/class/virtio-ports`;
  return files.list(directory)
    .map((port) => files.readAttribute(`${directory}/${port}/name`) ?? "")
    .filter((name) => name !== "");
}
