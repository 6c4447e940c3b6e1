import { equal } from "node:assert/strict";
import { IdleCollection } from "./idle_collection.ts";

const MEBIBYTE = 1024 * 1024;

Deno.test("garbage is collected once, after the last that was added", async () => {
  let collections = 0;
  const { promise: collected, resolve } = Promise.withResolvers<void>();
  const collect = () => {
    collections++;
    resolve();
  };
  using idle = new IdleCollection(collect, 5);
  for (let number = 0; number < 20; number++) idle.add(MEBIBYTE);
  equal(collections, 0);
  await collected;
  // What comes next begins anew, and is little: a timer that waited would be a leak.
  idle.add(MEBIBYTE);
  equal(collections, 1);
});

Deno.test("little garbage is left to V8, however long it takes to gather", async () => {
  const { promise: collected, resolve } = Promise.withResolvers<void>();
  using idle = new IdleCollection(resolve, 5);
  for (let number = 0; number < 5; number++) idle.add(MEBIBYTE);
  idle.add(0);
  const timers = new Promise<string>((resolve) => setTimeout(() => resolve("left"), 20));
  equal(await Promise.race([collected, timers]), "left");
  idle.add(MEBIBYTE);
  await collected;
});

Deno.test("nothing is collected once it is disposed of", () => {
  {
    using idle = new IdleCollection(() => {
      throw new Error("too late");
    }, 0);
    idle.add(10 * MEBIBYTE);
  }
});
