import assert from "node:assert/strict";
import { Errno } from "../linux/libc.ts";
import { FakeFileSystems, fakeMount } from "../../tests/harness/fixtures/fake_file_systems.ts";
import { LogRecorder } from "../../tests/harness/log_recorder.ts";
import type { MarkedFreeze } from "./freeze_marker.ts";
import { Guard, type WatchedMarker } from "./guard.ts";
import type { LastFreeze } from "./last_freeze.ts";

const MOUNTS = [fakeMount("/", 1), fakeMount("/var", 2), fakeMount("/var/mnt/data", 3)];

/** A freeze of an agent, which removes its marker or is killed. */
class AgentFreeze implements WatchedMarker {
  readonly freeze: MarkedFreeze;
  readonly #end = Promise.withResolvers<boolean>();
  removed = false;

  constructor(freeze: MarkedFreeze) {
    this.freeze = freeze;
  }

  left(): Promise<boolean> {
    return this.#end.promise;
  }

  remove(): void {
    this.removed = true;
  }

  /** The agent has thawed. */
  end(): void {
    this.removed = true;
    this.#end.resolve(false);
  }

  /** The agent is gone. */
  kill(): void {
    this.#end.resolve(true);
  }

  [Symbol.dispose](): void {}
}

class Machine {
  readonly kernel = new FakeFileSystems(MOUNTS);
  readonly log = new LogRecorder();
  readonly guard: Guard;
  readonly running: Promise<void>;
  now = 1000;
  held = false;
  marker: AgentFreeze | undefined;
  last: LastFreeze | undefined;
  #change = Promise.withResolvers<boolean>();
  readonly #sleeping: { readonly until: number; readonly wake: () => void }[] = [];

  constructor() {
    this.guard = new Guard({
      calls: this.kernel.process(),
      allMounts: () => this.kernel.mounts,
      marker: { find: () => this.marker?.removed === false ? this.marker : undefined },
      lastFreeze: { write: (last) => this.last = last },
      change: async () => {
        const changed = await this.#change.promise;
        this.#change = Promise.withResolvers();
        return changed;
      },
      log: this.log,
      pausable: {
        pause: () => void (this.held = true),
        resume: () => {
          this.held = false;
          return 0;
        },
      },
      monotonicClock: () => this.now,
      sleep: (milliseconds, signal) =>
        new Promise((resolve, reject) => {
          if (signal.aborted) reject(signal.reason);
          signal.addEventListener("abort", () => reject(signal.reason));
          this.#sleeping.push({ until: this.now + milliseconds, wake: resolve });
        }),
    });
    this.running = this.guard.run();
  }

  /** An agent has frozen `/var` and `/`, with a time limit in milliseconds. */
  async freeze(limit: number | undefined): Promise<AgentFreeze> {
    this.kernel.at("/var").frozen = true;
    this.kernel.at("/").frozen = true;
    this.marker = new AgentFreeze({
      devices: [{ major: 8, minor: 1 }, { major: 8, minor: 2 }],
      times: {
        since: 5_000,
        startedAt: this.now,
        limit: limit === undefined
          ? undefined
          : { seconds: limit / 1000, deadline: this.now + limit },
      },
    });
    this.#change.resolve(true);
    await settle();
    return this.marker;
  }

  async elapse(milliseconds: number): Promise<void> {
    this.now += milliseconds;
    for (const { until, wake } of this.#sleeping) if (until <= this.now) wake();
    await settle();
  }

  async stop(): Promise<void> {
    this.guard.stop();
    this.#change.resolve(false);
    await settle();
  }
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
}

Deno.test("what a killed agent has frozen is thawed, only that, and written down", async () => {
  const machine = new Machine();
  machine.kernel.at("/var/mnt/data").frozen = true;
  const freeze = await machine.freeze(60_000);
  assert.deepEqual(machine.kernel.callsOf("thaw"), []);
  assert.equal(machine.held, true);
  machine.now += 2_500;
  freeze.kill();
  await settle();
  assert.equal(machine.held, false);
  assert.deepEqual(machine.kernel.frozen, ["/var/mnt/data"]);
  assert.equal(machine.kernel.openHandles, 0);
  assert.equal(freeze.removed, true);
  const { until: _until, ...last } = machine.last ?? { until: 0 };
  assert.deepEqual(last, {
    ...{ since: 5_000, seconds: 2.5, count: 2, endedBy: "guard", reported: false, told: false },
  });
  assert.equal(machine.log.lines.length, 1);
  await machine.stop();
  await machine.running;
});

Deno.test("all that a thaw needs was opened once before, while the agent lives", async () => {
  const machine = new Machine();
  machine.kernel.at("/").faults.open = Errno.EACCES;
  const freeze = await machine.freeze(60_000);
  assert.deepEqual(machine.kernel.callsOf("open"), ["/", "/var"]);
  assert.equal(machine.kernel.openHandles, 0);
  delete machine.kernel.at("/").faults.open;
  freeze.kill();
  await settle();
  assert.deepEqual(machine.kernel.frozen, []);
  // What had failed before is not told: it went well when it mattered.
  assert.equal(machine.log.lines.length, 1);
  await machine.stop();
  await machine.running;
});

Deno.test("an agent that thaws by itself is left alone", async () => {
  const machine = new Machine();
  for (let round = 0; round < 3; round++) {
    const freeze = await machine.freeze(60_000);
    await machine.elapse(30_000);
    freeze.end();
    await settle();
  }
  await machine.elapse(600_000);
  assert.deepEqual(machine.kernel.callsOf("thaw"), []);
  assert.equal(machine.last, undefined);
  await machine.stop();
  await machine.running;
});

Deno.test("an agent that lives and is stuck is thawed a margin after its deadline", async () => {
  const machine = new Machine();
  const freeze = await machine.freeze(60_000);
  await machine.elapse(63_000);
  assert.equal(machine.kernel.frozen.length, 2);
  await machine.elapse(1_500);
  assert.deepEqual(machine.kernel.frozen, []);
  assert.equal(machine.last?.limitSeconds, 60);
  assert.equal(freeze.removed, false);
  // It continues for a moment, and is killed.
  machine.kernel.at("/").frozen = true;
  freeze.kill();
  await settle();
  assert.deepEqual(machine.kernel.frozen, []);
  assert.equal(freeze.removed, true);
  assert.equal(machine.last?.count, 3);
  await machine.stop();
  await machine.running;
});

Deno.test("a thaw that fails is tried until it succeeds, and the marker stays until then", async () => {
  const machine = new Machine();
  machine.kernel.at("/var").faults.thaw = Errno.EIO;
  const freeze = await machine.freeze(undefined);
  freeze.kill();
  await settle();
  assert.deepEqual(machine.kernel.frozen, ["/var"]);
  assert.equal(freeze.removed, false);
  delete machine.kernel.at("/var").faults.thaw;
  await machine.elapse(1_000);
  assert.deepEqual(machine.kernel.frozen, []);
  assert.equal(freeze.removed, true);
  assert.equal(machine.last?.count, 2);
  await machine.stop();
  await machine.running;
});

Deno.test("a guard that is stopped stays until the agent has thawed, and thaws for one that is stuck", async () => {
  const machine = new Machine();
  const first = await machine.freeze(undefined);
  await machine.stop();
  await machine.elapse(1_000);
  assert.equal(machine.kernel.frozen.length, 2);
  await machine.elapse(4_000);
  assert.deepEqual(machine.kernel.frozen, []);
  assert.equal(machine.last?.limitSeconds, undefined);
  first.end();
  await machine.running;
});
