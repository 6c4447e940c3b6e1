import type { Libc } from "./libc.ts";

const PRCTL_SYMBOLS = {
  prctl: { parameters: ["i32", "u64", "u64", "u64", "u64"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

const PR_SET_THP_DISABLE = 41;

/**
 * Asks the kernel for no transparent huge pages in this process and those that it starts (prctl(2),
 * PR_SET_THP_DISABLE). Where they are on for all, as Debian has it, each heap and stack of a few kilobytes
 * takes two megabytes of the container's memory.
 */
export function useNoHugePages(libc: Libc): void {
  const { prctl } = libc.bind(PRCTL_SYMBOLS);
  // Where a sandbox refuses it, all works as well, in more memory.
  prctl(PR_SET_THP_DISABLE, 1n, 0n, 0n, 0n);
}
