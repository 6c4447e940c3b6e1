import assert from "node:assert/strict";
import { Host } from "../host/host.ts";
import { KernelFiles } from "../host/kernel_files.ts";
import { Libc } from "../host/libc.ts";
import { QapiError } from "../protocol/qapi_error.ts";
import type { CommandContext, Power } from "./context.ts";
import { guestShutdown } from "./shutdown.ts";

function contextWith(
  libc: Libc,
  power: Power,
  thaw: CommandContext["freezer"]["thaw"] = () => Promise.resolve(0),
): CommandContext {
  const roots = { procfs: "/proc", sysfs: "/sys", rootfs: "/" };
  return {
    version: "1",
    commandStates: () => [],
    host: new Host(libc, new KernelFiles(libc), roots, () => []),
    power,
    freezer: {
      state: "thawed",
      freeze: () => Promise.reject(new Error("not here")),
      thaw,
    },
    trim: () => Promise.resolve([]),
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

Deno.test("what is frozen is thawed first; what stays frozen keeps the machine on", async () => {
  using libc = new Libc();
  const events: string[] = [];
  const power: Power = {
    request(action) {
      events.push(action);
      return Promise.resolve();
    },
  };
  await guestShutdown.execute(
    {},
    contextWith(libc, power, (reason) => {
      events.push(`thaw ${reason}`);
      return Promise.resolve(1);
    }),
  );
  assert.deepEqual(events.splice(0), ["thaw shutdown", "powerdown"]);
  const context = contextWith(libc, power, () => Promise.reject(new Error("failed to thaw /var")));
  await assert.rejects(async () => await guestShutdown.execute({}, context), {
    message: "guest-shutdown (powerdown) failed: failed to thaw /var",
  });
  assert.deepEqual(events, []);
});
