import type { KernelFiles } from "./kernel_files.ts";

/** A process, as a log line names it. */
export interface ProcessName {
  readonly pid: number;
  /** `/proc/PID/comm`, at most 15 characters. */
  readonly command: string;
}

/**
 * The process that has a device open, from the links in `/proc/PID/fd`. The device is compared by its
 * file name, because another mount namespace may call its directory otherwise.
 *
 * @param procfs what is `/proc` on the host
 * @param device the device's path; a symbolic link is followed once
 * @returns undefined when none is found, also when that process is out of sight (another PID namespace)
 */
export function findOpener(
  files: KernelFiles,
  procfs: string,
  device: string,
): ProcessName | undefined {
  const name = lastComponent(files.readLink(device) ?? device);
  for (const entry of files.list(procfs)) {
    if (!/^\d+$/.test(entry)) continue;
    for (const fd of listOpenFiles(files, `${procfs}/${entry}/fd`)) {
      const target = files.readLink(`${procfs}/${entry}/fd/${fd}`);
      if (target === undefined || !target.includes("/dev/")) continue;
      if (lastComponent(target) !== name) continue;
      const command = files.readAttribute(`${procfs}/${entry}/comm`) ?? "";
      return { pid: Number(entry), command };
    }
  }
  return undefined;
}

function listOpenFiles(files: KernelFiles, directory: string): string[] {
  try {
    return files.list(directory);
  } catch {
    // The process has just ended, or it is not ours to look into.
    return [];
  }
}

function lastComponent(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
