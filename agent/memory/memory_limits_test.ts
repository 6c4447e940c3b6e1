import { deepEqual, equal, ok } from "node:assert/strict";
import { inMebibytes, memoryLimits } from "./memory_limits.ts";

const MEBIBYTE = 1024 * 1024;

Deno.test("without a limit, or with a high one, QEMU's bounds hold", () => {
  const expected = {
    requestBytes: 64 * MEBIBYTE,
    requestTokens: 2 * MEBIBYTE,
    readBytes: 48 * MEBIBYTE,
    streamBytes: 16 * MEBIBYTE,
    programsBytes: 64 * MEBIBYTE,
    reason: undefined,
  };
  // The last is what version 1 says for no limit.
  for (const limit of [undefined, 4096 * MEBIBYTE, 0x7ffffffffffff000]) {
    deepEqual(memoryLimits(limit), expected, String(limit));
  }
});

Deno.test("in 64 MiB everything has its share, and the reason names the limit", () => {
  deepEqual(memoryLimits(64 * MEBIBYTE), {
    requestBytes: 8 * MEBIBYTE,
    requestTokens: 32 * 1024,
    readBytes: 8 * MEBIBYTE,
    streamBytes: 4 * MEBIBYTE,
    programsBytes: 8 * MEBIBYTE,
    reason: "because the agent's memory is limited to 64 MiB by its cgroup",
  });
});

Deno.test("whatever the limit is, its data fit beside the agent, and a request of 1 MiB is taken", () => {
  for (let limit = 1; limit < 400; limit += 7) {
    const { requestBytes, readBytes, programsBytes, streamBytes } = memoryLimits(limit * MEBIBYTE);
    ok(requestBytes >= MEBIBYTE && readBytes >= MEBIBYTE && streamBytes >= MEBIBYTE / 2);
    if (limit > 36) ok(3 * requestBytes + programsBytes <= (limit - 32) * MEBIBYTE);
  }
});

Deno.test("the documented table of limits is what the agent takes", async () => {
  const page = await Deno.readTextFile("docs/reference/limits.md");
  const rows = page.matchAll(/^\| (\d+ MiB|none) +\|(.* MiB.*)\|$/gm);
  const documented = Array.from(rows, ([, limit, cells = ""]) => [
    limit,
    ...cells.split("|").map((cell) => cell.trim()),
  ]);
  deepEqual(
    documented,
    [48, 64, 128, undefined].map((limit) => {
      const limits = memoryLimits(limit === undefined ? undefined : limit * MEBIBYTE);
      return [
        limit === undefined ? "none" : `${limit} MiB`,
        inMebibytes(limits.requestBytes),
        limits.requestTokens.toLocaleString("en"),
        inMebibytes(limits.readBytes),
        inMebibytes(limits.programsBytes),
        inMebibytes(limits.streamBytes),
      ];
    }),
  );
});

Deno.test("sizes are told in MiB", () => {
  equal(inMebibytes(8 * MEBIBYTE), "8 MiB");
  equal(inMebibytes(5.5 * MEBIBYTE), "5.5 MiB");
  equal(inMebibytes(512 * 1024), "512 KiB");
});
