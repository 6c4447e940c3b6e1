import assert from "node:assert/strict";
import { Libc, LibcError } from "../linux/libc.ts";
import { TemporaryDirectory } from "../../tests/harness/temporary_directory.ts";
import { GuardLock } from "./guard_lock.ts";

Deno.test("a guard is seen as long as it lives, and its end is", async () => {
  await using directory = await TemporaryDirectory.create();
  using libc = new Libc();
  const guard = new GuardLock(libc, directory.path);
  const agent = new GuardLock(libc, directory.path);
  assert.equal(agent.isHeld(), false);
  await agent.released();
  const held = await guard.hold();
  assert.equal(agent.isHeld(), true);
  let released = false;
  const waiting = agent.released().then(() => released = true);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(released, false);
  held[Symbol.dispose]();
  await waiting;
  assert.equal(agent.isHeld(), false);
  using _again = await guard.hold();
  assert.equal(agent.isHeld(), true);
});

Deno.test("a second guard waits for the end of the first", async () => {
  await using directory = await TemporaryDirectory.create();
  using libc = new Libc();
  const first = await new GuardLock(libc, directory.path).hold();
  let watches = false;
  const second = new GuardLock(libc, directory.path).hold().then((held) => {
    watches = true;
    return held;
  });
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(watches, false);
  first[Symbol.dispose]();
  using _held = await second;
});

Deno.test("without a state directory there is no guard", async () => {
  using libc = new Libc();
  const lock = new GuardLock(libc, "/nowhere");
  assert.equal(lock.isHeld(), false);
  await assert.rejects(lock.hold(), LibcError);
});
