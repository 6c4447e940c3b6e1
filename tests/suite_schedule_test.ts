import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { nextSuite, runSuites, type ScheduledSuite, Turns } from "./suite_schedule.ts";

/** A run whose suites end when the test says so. */
class Run {
  /** What has started, in this order. */
  readonly started: string[] = [];
  readonly outcomes: Promise<string[]>;
  readonly #ends = new Map<string, PromiseWithResolvers<string>>();

  constructor(suites: readonly ScheduledSuite[], jobs: number) {
    this.outcomes = runSuites(suites, jobs, ({ name }) => {
      this.started.push(name);
      const end = Promise.withResolvers<string>();
      this.#ends.set(name, end);
      return end.promise;
    });
  }

  /** Ends a suite, and gives what has started since, once all has that may. */
  async end(name: string): Promise<string[]> {
    const before = this.started.length;
    ok(this.#ends.has(name), `${name} has not started`);
    this.#ends.get(name)?.resolve(`outcome of ${name}`);
    await new Promise((resolve) => setTimeout(resolve));
    return this.started.slice(before);
  }
}

Deno.test("as many suites run as may, in the list's order", async () => {
  const run = new Run(["a", "b", "c", "d"].map((name) => ({ name })), 2);
  deepEqual(run.started, ["a", "b"]);
  deepEqual(await run.end("b"), ["c"]);
  deepEqual(await run.end("c"), ["d"]);
  deepEqual(await run.end("d"), []);
  deepEqual(await run.end("a"), []);
  deepEqual(await run.outcomes, ["a", "b", "c", "d"].map((name) => `outcome of ${name}`));
});

Deno.test("with one job they run one after the other", async () => {
  const run = new Run([{ name: "a" }, { name: "b" }], 1);
  deepEqual(run.started, ["a"]);
  deepEqual(await run.end("a"), ["b"]);
  await run.end("b");
  equal((await run.outcomes).length, 2);
});

Deno.test("a suite waits for those that it comes after, and others pass it by", async () => {
  const run = new Run([
    { name: "a" },
    { name: "user", after: ["maker"] },
    { name: "maker" },
    { name: "b" },
  ], 2);
  deepEqual(run.started, ["a", "maker"]);
  deepEqual(await run.end("a"), ["b"]);
  deepEqual(await run.end("b"), []);
  deepEqual(await run.end("maker"), ["user"]);
});

Deno.test("a suite does not wait for one that is not run", () => {
  const user = { name: "user", after: ["maker"] };
  equal(nextSuite([user], []), user);
});

Deno.test("of those that use the same thing one runs at a time", async () => {
  const run = new Run([
    { name: "vm", uses: ["machine"] },
    { name: "node", uses: ["machine", "image"] },
    { name: "image", uses: ["image"] },
    { name: "a" },
  ], 4);
  deepEqual(run.started, ["vm", "image", "a"]);
  deepEqual(await run.end("vm"), []);
  deepEqual(await run.end("image"), ["node"]);
});

Deno.test("suites that wait for each other are an error", async () => {
  const run = new Run([{ name: "a", after: ["b"] }, { name: "b", after: ["a"] }], 2);
  await rejects(run.outcomes, /suites wait for each other: a, b/);
});

Deno.test("turns are taken one after the other, and a failure ends none but its own", async () => {
  const turns = new Turns();
  const log: string[] = [];
  const work = (name: string) => async () => {
    log.push(`${name} begins`);
    await new Promise((resolve) => setTimeout(resolve));
    log.push(`${name} ends`);
    if (name === "bad") throw new Error("bad");
    return name;
  };
  const bad = turns.take(work("bad"));
  const good = turns.take(work("good"));
  await rejects(bad, /bad/);
  equal(await good, "good");
  deepEqual(log, ["bad begins", "bad ends", "good begins", "good ends"]);
});
