import type { KernelFiles } from "../linux/kernel_files.ts";
import { Errno, LibcError } from "../linux/libc.ts";
import { findOpener } from "../linux/open_files.ts";
import { findVirtioPort, virtioPortNames } from "./virtio_ports.ts";
import { openDevice } from "./device_file.ts";
import type { DeviceObstacle } from "./device_wait.ts";
import { type DeviceHost, type OpenedDevice, ReopeningChannel } from "./reopening_channel.ts";

/** Where the port is looked for. */
export interface VirtioSerialOptions {
  /** A device file, or undefined to look for the port by its name. */
  readonly path: string | undefined;
  /** The port's name, as the hypervisor gives it: `org.qemu.guest_agent.0`. */
  readonly portName: string;
  readonly procfs: string;
  readonly sysfs: string;
  readonly devfs: string;
}

/**
 * The channel on a virtio-serial port, the usual one. A path such as `/dev/virtio-ports/NAME` that
 * does not exist stands for the port of that name.
 *
 * @param otherMachine what the machine is when it is no guest of QEMU; undefined for a guest
 */
export function virtioSerialChannel(
  host: DeviceHost,
  options: VirtioSerialOptions,
  otherMachine: () => string | undefined,
): ReopeningChannel {
  const open = () => {
    const outcome = openPort(host, options);
    // Whatever the machine is, what another program has open is there.
    if ("fd" in outcome || outcome.busy !== undefined) return outcome;
    const machine = otherMachine();
    if (machine === undefined) return outcome;
    return { ...outcome, reason: noPortToWaitFor(machine), notAGuest: true } as const;
  };
  return new ReopeningChannel(host, open, { reopenAfterHangup: false });
}

/** What is said of the port on a machine that is no guest of QEMU, but `machine`. */
export function noPortToWaitFor(machine: string): string {
  return `this machine is no QEMU guest (${machine}): there is no port to wait for`;
}

function openPort(host: DeviceHost, options: VirtioSerialOptions): OpenedDevice | DeviceObstacle {
  let path = locateVirtioPort(host.files, options);
  if (path === undefined) {
    const obstacle = missingPort(host.files, options);
    // It may have come while its absence was put into words.
    path = locateVirtioPort(host.files, options);
    if (path === undefined) return obstacle;
  }
  try {
    return { fd: openDevice(host.libc, path), path };
  } catch (error) {
    if (!(error instanceof LibcError)) throw error;
    return explainOpenError(host.files, options.procfs, path, error);
  }
}

/** The device file of the port that the options mean; undefined when this machine has none. */
export function locateVirtioPort(
  files: KernelFiles,
  options: VirtioSerialOptions,
): string | undefined {
  const { path, portName } = options;
  if (path === undefined) return findVirtioPort(files, options, portName);
  const named = /\/virtio-ports\/([^/]+)$/.exec(path)?.[1];
  if (named === undefined || files.exists(path)) return path;
  return findVirtioPort(files, options, named);
}

function missingPort(files: KernelFiles, options: VirtioSerialOptions): DeviceObstacle {
  const wanted = options.path ?? options.portName;
  return {
    reason: `virtio-serial port ${wanted} not found, waiting for it: ` +
      `${describeVirtioPorts(files, options)}; ${HOW_TO_GET_PORT}`,
    directory: options.devfs,
  };
}

/** What gives a VM its port. */
export const HOW_TO_GET_PORT =
  "switch on the guest agent in the hypervisor's options of this VM, " +
  "then stop and start the VM";

/** What makes room for this agent. */
export const HOW_TO_FREE_PORT =
  "only one guest agent can serve a VM, so remove the other one (the qemu-guest-agent extension?)";

/** Which virtio-serial ports this machine has, as a clause. */
export function describeVirtioPorts(files: KernelFiles, options: VirtioSerialOptions): string {
  const names = virtioPortNames(files, options);
  return names.length === 0
    ? "this machine has no virtio-serial port"
    : `this machine has only the ports ${names.join(", ")}`;
}

/** Says why a device could not be opened, and for a busy one which process has it. */
export function explainOpenError(
  files: KernelFiles,
  procfs: string,
  path: string,
  error: LibcError,
): DeviceObstacle {
  const directory = path.slice(0, path.lastIndexOf("/")) || "/";
  if (error.errno === Errno.EBUSY) {
    const opener = findOpener(files, procfs, path);
    const who = opener === undefined
      ? "another program that cannot be seen from here"
      : `process ${opener.pid} (${opener.command})`;
    return {
      reason: `${path} is held by another agent, waiting for it: ${who} has it open; ` +
        HOW_TO_FREE_PORT,
      directory,
      busy: path,
    };
  }
  return { reason: `cannot use ${path}, waiting for it: ${error.message}`, directory };
}
