import { Errno, LibcError } from "../linux/libc.ts";
import type { Host } from "./host.ts";

const DIRECTORY = "devices/system/cpu";

/** A logical processor. */
export interface VirtualCpu {
  /** N of `cpuN`. */
  readonly id: bigint;
  readonly online: boolean;
  /** False for one that is always online, such as the first on x86. */
  readonly canOffline: boolean;
}

/**
 * The logical processors that the kernel has, by their number, from `/sys/devices/system/cpu`.
 *
 * @throws LibcError when there is no such directory, in the words of qemu-ga, or when an attribute is
 * there and cannot be read
 */
export function readVirtualCpus(host: Host): VirtualCpu[] {
  const path = host.sysPath(DIRECTORY);
  const entries = host.files.list(path);
  if (entries.length === 0 && !host.files.exists(path)) {
    throw absent(host, `failed to list entries: ${host.shown(path)}`);
  }
  return entries
    .filter((name) => /^cpu\d+$/.test(name))
    .map((name) => BigInt(name.slice("cpu".length)))
    .sort((one, other) => Number(one - other))
    .map((id) => readState(host, id));
}

/**
 * One logical processor.
 *
 * @throws LibcError when there is none with this number, in the words of qemu-ga
 */
export function readVirtualCpu(host: Host, id: bigint): VirtualCpu {
  const path = directory(host, id);
  if (!host.files.exists(path)) throw absent(host, `open("${host.shown(path)}/")`);
  return readState(host, id);
}

/**
 * Takes a logical processor online or offline (cpu hotplug).
 *
 * @throws LibcError when the kernel refuses, for example for the last one online
 */
export function switchVirtualCpu(host: Host, id: bigint, online: boolean): void {
  host.files.writeText(`${directory(host, id)}/online`, online ? "1" : "0");
}

function absent({ libc }: Host, what: string): LibcError {
  return new LibcError(what, Errno.ENOENT, libc.explain(Errno.ENOENT));
}

function directory(host: Host, id: bigint): string {
  return host.sysPath(`${DIRECTORY}/cpu${id}`);
}

function readState(host: Host, id: bigint): VirtualCpu {
  const online = host.files.readAttributeIfPresent(`${directory(host, id)}/online`);
  return { id, online: online !== "0", canOffline: online !== undefined };
}
