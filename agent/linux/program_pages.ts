import type { KernelFiles } from "./kernel_files.ts";
import type { Libc } from "./libc.ts";

const MADVISE_SYMBOLS = {
  madvise: { parameters: ["pointer", "usize", "i32"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

const MADV_DONTNEED = 4;

/** A range of addresses, `end` not included. */
export interface AddressRange {
  readonly start: bigint;
  readonly end: bigint;
}

/**
 * Where the code and the constants of a program lie in memory: of its own mappings those that nobody
 * writes to, neither the program nor the dynamic linker.
 *
 * @param maps the text of /proc/PID/maps (proc(5))
 * @param program the path of the executable
 */
export function programRanges(maps: string, program: string): AddressRange[] {
  const ranges: AddressRange[] = [];
  for (const line of maps.split("\n")) {
    const match = /^([0-9a-f]+)-([0-9a-f]+) (\S+) ([0-9a-f]+) \S+ \d+ +(.+)$/.exec(line);
    if (match === null) continue;
    const [, start, end, access, offset, path] = match;
    // A later read-only part is what the dynamic linker writes to before it makes it read-only.
    const constants = access === "r--p" && Number.parseInt(offset ?? "", 16) === 0;
    if (path !== program || !(constants || access === "r-xp")) continue;
    ranges.push({ start: BigInt(`0x${start}`), end: BigInt(`0x${end}`) });
  }
  return ranges;
}

/**
 * Takes the program's code and constants out of this process's memory: what is used again comes back
 * from the page cache, page by page; what only the start has used, most of it, does not.
 *
 * @throws LibcError when the kernel refuses
 */
export function releaseProgramPages(libc: Libc, files: KernelFiles): void {
  const program = files.readLink("/proc/self/exe");
  if (program === undefined) return;
  const { madvise } = libc.bind(MADVISE_SYMBOLS);
  for (const { start, end } of programRanges(files.readText("/proc/self/maps"), program)) {
    const address = Deno.UnsafePointer.create(start);
    libc.check(madvise(address, end - start, MADV_DONTNEED), "madvise");
  }
}
