import assert from "node:assert/strict";
import { QapiError } from "../protocol/qapi_error.ts";
import type { CommandContext, Power } from "./context.ts";
import { guestShutdown } from "./shutdown.ts";

function contextWith(
  power: Power,
  thaw: CommandContext["freezer"]["thaw"] = () => Promise.resolve(0),
): Pick<CommandContext, "power" | "freezer"> {
  const freeze = () => Promise.reject(new Error("not here"));
  return { power, freezer: { state: "thawed", freeze, thaw } };
}

Deno.test("each mode is asked for, powerdown when none is given", async () => {
  const asked: string[] = [];
  const context = contextWith({
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
  const context = contextWith({ request: () => Promise.reject(new Error("no API")) });
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
  const events: string[] = [];
  const power: Power = {
    request(action) {
      events.push(action);
      return Promise.resolve();
    },
  };
  await guestShutdown.execute(
    {},
    contextWith(power, (reason) => {
      events.push(`thaw ${reason}`);
      return Promise.resolve(1);
    }),
  );
  assert.deepEqual(events.splice(0), ["thaw shutdown", "powerdown"]);
  const context = contextWith(power, () => Promise.reject(new Error("failed to thaw /var")));
  await assert.rejects(async () => await guestShutdown.execute({}, context), {
    message: "guest-shutdown (powerdown) failed: failed to thaw /var",
  });
  assert.deepEqual(events, []);
});
