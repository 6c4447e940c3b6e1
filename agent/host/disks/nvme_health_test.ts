import assert from "node:assert/strict";
import fc from "fast-check";
import { checkProperty } from "../../../tests/harness/property.ts";
import { FixtureHost } from "../../../tests/harness/fixtures/host.ts";
import { parseNvmeHealth, readNvmeHealth } from "./nvme_health.ts";

Deno.test("every field is read from its place", () => {
  const page = new Uint8Array(512);
  page.set([0x04, 0x2c, 0x01, 100, 10, 3]);
  for (let counter = 0; counter < 10; counter++) page[32 + counter * 16] = counter + 1;
  page[47] = 0x80;
  assert.deepEqual(parseNvmeHealth(page), {
    criticalWarning: 4,
    temperature: 300,
    availableSpare: 100,
    availableSpareThreshold: 10,
    percentageUsed: 3,
    dataUnitsRead: (1n << 127n) + 1n,
    dataUnitsWritten: 2n,
    hostReadCommands: 3n,
    hostWriteCommands: 4n,
    controllerBusyTime: 5n,
    powerCycles: 6n,
    powerOnHours: 7n,
    unsafeShutdowns: 8n,
    mediaErrors: 9n,
    errorLogEntries: 10n,
  });
});

Deno.test("what is not an NVMe disk tells no health", async () => {
  await using fixture = await FixtureHost.create({ "root/dev/file": "" });
  const { host } = fixture.context;
  for (const name of ["file", "none"]) {
    assert.equal(await readNvmeHealth(host, { name, path: "/no/sysfs" }), undefined);
  }
});

Deno.test("any page is read", async () => {
  const page = fc.uint8Array({ minLength: 512, maxLength: 512 });
  await checkProperty("health log", page, (bytes) => {
    const health = parseNvmeHealth(Uint8Array.from(bytes));
    assert.ok(health.errorLogEntries >= 0n && health.errorLogEntries < 1n << 128n);
  });
});
