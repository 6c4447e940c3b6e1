import type { Config } from "../config/config.ts";
import { FreezeMarker } from "../freeze/freeze_marker.ts";
import { freezeOrder } from "../freeze/freeze_order.ts";
import { GuardLock } from "../freeze/guard_lock.ts";
import type { DeviceNumber } from "../linux/file_status.ts";
import type { KernelFiles } from "../linux/kernel_files.ts";
import { cString, type Libc, LibcError } from "../linux/libc.ts";
import { isInMemory } from "../linux/memory_file_system.ts";
import type { Mount } from "../host/mounts/mount_table.ts";
import { type CheckLine, failed, ok, warning } from "./check_line.ts";
import { messageOf } from "../fault.ts";

const ACCESS_SYMBOLS = {
  access: { parameters: ["buffer", "i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;
const W_OK = 2;
/** How many mount points a table names. */
const NAMED_IN_BRIEF = 3;

/** What of the configuration is about freezing. */
export type FreezeConfig = Pick<Config, "statedir" | "fsfreezeAllowEmpty">;

/** What is asked about the file systems. */
export interface FileSystemSources {
  /** What would be frozen and trimmed, in mount order. */
  readonly mounts: () => readonly Mount[];
  /** See `takesDiscards`. */
  readonly takesDiscards: (device: DeviceNumber) => boolean;
  readonly config: FreezeConfig;
}

/** What would be frozen and trimmed. */
export function checkFileSystems({ mounts, takesDiscards, config }: FileSystemSources): CheckLine {
  const name = "freeze, trim";
  let order: readonly Mount[];
  try {
    order = freezeOrder(mounts());
  } catch (error) {
    if (!(error instanceof LibcError)) throw error;
    return failed(name, error.message, "run the check where /proc can be read");
  }
  if (order.length > 0) {
    const names = (mounts: readonly Mount[]) => mounts.map(({ mountPoint }) => mountPoint);
    const mountPoints = names(order);
    const untrimmed = names(order.filter(({ device }) => !takesDiscards(device)));
    const note = untrimmed.length === 0
      ? ""
      : `; not trimmed, since the disk takes no discards: ${untrimmed.join(", ")}`;
    return ok(name, mountPoints.join(", ") + note, inBrief(mountPoints));
  }
  const effect = config.fsfreezeAllowEmpty
    ? "a freeze covers nothing, and succeeds"
    : "guest-fsfreeze-freeze fails";
  return warning(
    name,
    `no file system that can be written to is seen on a block device, so ${effect}`,
    "mount the host's / at --path-rootfs with all that is mounted in it, and look at " +
      "--fsfreeze-include and --fsfreeze-exclude",
    "nothing",
  );
}

function inBrief(mountPoints: readonly string[]): string {
  const named = mountPoints.slice(0, NAMED_IN_BRIEF).join(", ");
  const more = mountPoints.length - NAMED_IN_BRIEF;
  return more > 0 ? `${named} and ${more} more` : named;
}

/** The state directory, and what a freeze has left there. Nothing is written: it may be frozen. */
export function checkStateDirectory(
  libc: Libc,
  files: KernelFiles,
  { statedir }: FreezeConfig,
): CheckLine[] {
  const name = "state directory";
  const remedy = "name a directory on a tmpfs that outlives the container with --statedir, " +
    "such as one in the node's /run";
  let inMemory: boolean;
  try {
    inMemory = isInMemory(libc, statedir);
    const { access } = libc.bind(ACCESS_SYMBOLS);
    libc.check(access(cString(statedir), W_OK), `write to ${statedir}`);
  } catch (error) {
    if (!(error instanceof LibcError)) throw error;
    return [failed(name, `${error.message}: guest-fsfreeze-freeze fails`, remedy)];
  }
  return [
    inMemory
      ? ok(name, `${statedir}, a tmpfs`)
      : warning(name, `${statedir} is on no tmpfs: a freeze could reach its marker`, remedy),
    checkMarker(files, statedir),
    checkGuard(libc, statedir),
  ];
}

function checkGuard(libc: Libc, statedir: string): CheckLine {
  const name = "guard";
  if (new GuardLock(libc, statedir).isHeld()) return ok(name, "watches");
  return warning(
    name,
    "nobody thaws when the agent is killed while its own disk is frozen",
    "run qemu-ga-talos guard next to the agent, with the same --statedir; in the chart " +
      "freeze.guard.enabled does",
  );
}

function checkMarker(files: KernelFiles, statedir: string): CheckLine {
  const name = "frozen";
  try {
    const marked = new FreezeMarker(statedir, (path) => files.exists(path)).read();
    if (marked === undefined) return ok(name, "nothing");
    const { devices } = marked;
    const what = devices === "all" ? "all file systems" : `${devices.length} file systems`;
    return warning(
      name,
      `${what}, by a freeze that is under way or by an agent that was killed`,
      "wait for the thaw; if it does not come, qemu-ga-talos call --local guest-fsfreeze-thaw",
    );
  } catch (error) {
    return failed(name, messageOf(error), "run the check as the user that the agent runs as");
  }
}
