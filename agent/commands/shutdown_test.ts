import assert from "node:assert/strict";
import { GuestFiles } from "../host/guest_files.ts";
import { GuestProcesses } from "../host/guest_processes.ts";
import { HandleNumbers } from "../host/handle_numbers.ts";
import { Host } from "../host/host.ts";
import { KernelFiles } from "../host/kernel_files.ts";
import { Libc } from "../host/libc.ts";
import { QapiError } from "../protocol/qapi_error.ts";
import { silentLog } from "../telemetry/log.ts";
import type { CommandContext, Power } from "./context.ts";
import { guestShutdown } from "./shutdown.ts";

function contextWith(libc: Libc, power: Power): CommandContext {
  const roots = { procfs: "/proc", sysfs: "/sys", devfs: "/dev", rootfs: "/" };
  const numbers = new HandleNumbers("/nonexistent");
  return {
    version: "1",
    commandStates: () => [],
    host: new Host(libc, new KernelFiles(libc), roots, () => []),
    power,
    guestFiles: new GuestFiles({ libc, root: "/", numbers, log: silentLog }),
    guestProcesses: new GuestProcesses(libc, silentLog),
    interfaces: { include: [], exclude: [] },
  };
}

Deno.test("each mode is asked for, powerdown when none is given", async () => {
  using libc = new Libc();
  const asked: string[] = [];
  const context = contextWith(libc, {
    request(action) {
      asked.push(action);
      return Promise.resolve();
    },
  });
  for (const mode of ["halt", "powerdown", "reboot"]) {
    await guestShutdown.execute({ mode }, context);
  }
  await guestShutdown.execute({}, context);
  assert.deepEqual(asked, ["halt", "powerdown", "reboot", "powerdown"]);
});

Deno.test("a bad mode and a failing request are told to the client", async () => {
  using libc = new Libc();
  const context = contextWith(libc, { request: () => Promise.reject(new Error("no API")) });
  const run = async (mode: string) => await guestShutdown.execute({ mode }, context);
  const message = (text: string) => (error: unknown) => {
    assert.ok(error instanceof QapiError);
    assert.equal(error.message, text);
    return true;
  };
  await assert.rejects(
    run("x"),
    message("mode is invalid (valid values are: halt|powerdown|reboot)"),
  );
  await assert.rejects(run("reboot"), message("guest-shutdown (reboot) failed: no API"));
});
