import { findProgram } from "./programs.ts";

/** A disk that a guest is to have. */
export interface DiskOptions {
  /** Its size; an xfs needs 300. The file takes what was written to it. */
  readonly sizeMiB: number;
  /** What is made on the whole of it. Default: nothing. */
  readonly fileSystem?: "ext4" | "xfs";
  /** A directory whose tree is put on it, of an ext4 only. Default: it is empty. */
  readonly contents?: string;
  /** How fast it can be written, in bytes. Default: as fast as this machine. */
  readonly bytesPerSecond?: number;
}

const MKFS_OPTIONS = {
  // What it leaves out the guest's kernel would write, in the middle of a test.
  ext4: ["-E", "lazy_itable_init=0,lazy_journal_init=0"],
  xfs: [],
} as const;

/**
 * Makes the raw file of a disk; its file system is made on this machine, without mounting it.
 *
 * @throws {Error} if the program that makes the file system is missing or fails.
 */
export async function makeDisk(path: string, options: DiskOptions): Promise<void> {
  {
    using file = await Deno.open(path, { write: true, createNew: true });
    await file.truncate(options.sizeMiB * 1024 * 1024);
  }
  if (options.fileSystem === undefined) return;
  const program = await findProgram(`mkfs.${options.fileSystem}`);
  const contents = options.contents === undefined ? [] : ["-d", options.contents];
  const args = ["-q", ...MKFS_OPTIONS[options.fileSystem], ...contents, path];
  const { success, stderr } = await new Deno.Command(program, { args }).output();
  if (!success) throw new Error(`${program} failed: ${new TextDecoder().decode(stderr)}`);
}
