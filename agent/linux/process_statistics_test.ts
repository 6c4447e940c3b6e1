import assert from "node:assert/strict";
import { FixtureHost } from "../../tests/harness/fixtures/host.ts";
import { KernelFiles } from "./kernel_files.ts";
import { Libc } from "./libc.ts";
import { processStatistics } from "./process_statistics.ts";

Deno.test("numbers are read whatever the program's name is", async () => {
  await using host = await FixtureHost.create({
    "proc/self/stat":
      "7 (a ) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 12 0 1000 36514729984 13000 0 0\n",
    "proc/self/status": "Name:\ta ) b\nVmSize:\t 35658916 kB\nVmRSS:\t   52000 kB\n",
    "proc/self/limits":
      "Limit                     Soft Limit           Hard Limit           Units     \n" +
      "Max open files            1024                 524288               files     \n",
    "proc/self/fd/0": "",
    "proc/self/fd/1": "",
    "proc/self/fd/2": "",
    "proc/stat": "cpu  1 2 3\nbtime 1700000000\nprocesses 4\n",
  });
  using libc = new Libc();
  assert.deepEqual(processStatistics(new KernelFiles(libc), `${host.path}/proc`), {
    cpuSeconds: 2,
    residentBytes: 52_000 * 1024,
    startTime: 1_700_000_010,
    openFiles: 2,
    openFilesLimit: 1024,
  });
});

Deno.test("the kernel's own files can be read", () => {
  using libc = new Libc();
  const statistics = processStatistics(new KernelFiles(libc));
  for (const value of Object.values(statistics)) assert.ok(value > 0, JSON.stringify(statistics));
  const age = Date.now() / 1000 - statistics.startTime;
  assert.ok(age > -2 && age < 86_400, `${age} s`);
});
