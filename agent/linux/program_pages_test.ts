import assert from "node:assert/strict";
import { KernelFiles } from "./kernel_files.ts";
import { Libc } from "./libc.ts";
import { programRanges, releaseProgramPages } from "./program_pages.ts";

const MAPS = `\
55929a000000-55929c000000 r--p 00000000 fe:00 5326172                    /usr/bin/a program
55929c001000-55929f000000 r-xp 022a3000 fe:00 5326172                    /usr/bin/a program
55929f000000-55929f100000 r--p 055ee000 fe:00 5326172                    /usr/bin/a program
55929f100000-55929f200000 rw-p 057bb000 fe:00 5326172                    /usr/bin/a program
55929f200000-55929f300000 rw-p 00000000 00:00 0                          [heap]
7f057fdc0000-7f057ffd0000 r-xp 03dca000 fe:00 5326172                    /usr/bin/a program
7f0580000000-7f0580200000 r-xp 00028000 fe:00 1311                       /usr/lib/libc.so.6
7f0580200000-7f0580201000 r--p 00000000 00:00 0
`;

Deno.test("code and constants of the program are found, and nothing that was written to", () => {
  assert.deepEqual(programRanges(MAPS, "/usr/bin/a program"), [
    { start: 0x55929a000000n, end: 0x55929c000000n },
    { start: 0x55929c001000n, end: 0x55929f000000n },
    { start: 0x7f057fdc0000n, end: 0x7f057ffd0000n },
  ]);
  assert.deepEqual(programRanges(MAPS, "/usr/bin/another"), []);
  assert.deepEqual(programRanges("", "/usr/bin/a program"), []);
});

Deno.test("a program that has let go of its pages is smaller, and goes on", () => {
  using libc = new Libc();
  const files = new KernelFiles(libc);
  const residentKiB = (): number =>
    Number(/^RssFile:\s+(\d+) kB$/m.exec(files.readText("/proc/self/status"))?.[1]);
  const before = residentKiB();
  releaseProgramPages(libc, files);
  const after = residentKiB();
  assert.ok(after < before / 2, `${before} KiB before, ${after} KiB after`);
});
