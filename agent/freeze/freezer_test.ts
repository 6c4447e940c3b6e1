import assert from "node:assert/strict";
import fc from "fast-check";
import { ActivityRecorder } from "../../tests/harness/activity_recorder.ts";
import { FakeFileSystems, fakeMount } from "../../tests/harness/fixtures/fake_file_systems.ts";
import { checkProperty } from "../../tests/harness/property.ts";
import { LogRecorder } from "../../tests/harness/log_recorder.ts";
import { Errno } from "../linux/libc.ts";
import type { Mount } from "../host/mounts/mount_table.ts";
import { FreezeError } from "./file_system_set.ts";
import type { FreezeTimes, MarkedDevices, MarkedFreeze } from "./freeze_marker.ts";
import { Freezer, type FreezerOptions } from "./freezer.ts";
import type { LastFreeze } from "./last_freeze.ts";

const MOUNTS = [fakeMount("/", 1), fakeMount("/var", 2), fakeMount("/var/mnt/data", 3)];

/** A state directory in memory that outlives the process. */
class StateInMemory {
  marked: MarkedFreeze | undefined;
  last: LastFreeze | undefined;

  get devices(): MarkedDevices | undefined {
    return this.marked?.devices;
  }

  set devices(devices: MarkedDevices) {
    this.marked = { devices, times: undefined };
  }

  /** The marker. */
  readonly marker = {
    write: (mounts: readonly Mount[], times: FreezeTimes): void => {
      this.marked = { devices: mounts.map(({ device }) => device), times };
    },
    read: (): MarkedFreeze | undefined => this.marked,
    remove: (): void => this.marked = undefined,
    acquire: async (): Promise<void> => {},
  };

  /** How the last freeze ended. */
  readonly lastFreeze = {
    read: (): LastFreeze | undefined => this.last,
    write: (last: LastFreeze): void => void (this.last = last),
  };
}

/** A guard that watches until `end`. */
class FakeGuard {
  readonly #ended = Promise.withResolvers<void>();
  watches = true;

  isHeld(): boolean {
    return this.watches;
  }

  async released(): Promise<void> {
    await this.#ended.promise;
  }

  end(): void {
    this.watches = false;
    this.#ended.resolve();
  }
}

/** A process of the agent on a kernel that outlives it. */
class Process {
  readonly kernel: FakeFileSystems;
  readonly marker: StateInMemory;
  readonly guard = new FakeGuard();
  readonly log = new LogRecorder();
  readonly activity = new ActivityRecorder();
  readonly freezer: Freezer;
  /** Everything that happened, in its order. */
  readonly events: string[] = [];
  readonly timers: { callback: () => void; milliseconds: number }[] = [];
  alive = true;
  held = false;

  constructor(
    kernel = new FakeFileSystems(MOUNTS),
    marker = new StateInMemory(),
    options: Partial<FreezerOptions> = {},
  ) {
    this.kernel = kernel;
    this.marker = marker;
    this.log.onLine = ({ message }) => {
      if (!this.held) this.events.push(message);
    };
    this.freezer = new Freezer({
      mounts: () => kernel.mounts,
      allMounts: () => kernel.mounts,
      marker: marker.marker,
      lastFreeze: marker.lastFreeze,
      guard: this.guard,
      calls: kernel.process(() => this.alive),
      monotonicClock: () => performance.now(),
      hook: undefined,
      timeoutMs: 60_000,
      allowEmpty: false,
      log: this.log,
      publish: this.activity.publish,
      pausable: {
        pause: () => this.held = true,
        resume: () => {
          this.held = false;
          return 0;
        },
      },
      startTimer: (callback, milliseconds) => {
        const timer = { callback, milliseconds };
        this.timers.push(timer);
        return () => {
          const index = this.timers.indexOf(timer);
          if (index >= 0) this.timers.splice(index, 1);
        };
      },
      ...options,
    });
  }

  /** Lets the time of the timer pass, and waits until what it does is done. */
  async elapse(): Promise<void> {
    const [timer] = this.timers.splice(0, 1);
    assert.ok(timer !== undefined, "no timer runs");
    timer.callback();
    await settle();
  }
}

async function settle(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 0));
}

function assertClean({ kernel, marker, freezer, timers, held }: Process): void {
  assert.deepEqual(kernel.frozen, []);
  assert.equal(kernel.openHandles, 0);
  assert.equal(marker.devices, undefined);
  assert.equal(freezer.state, "thawed");
  assert.deepEqual(timers, []);
  assert.equal(held, false);
}

const freezeError = (message: string | RegExp) => (error: unknown) => {
  assert.ok(error instanceof FreezeError);
  if (typeof message === "string") assert.equal(error.message, message);
  else assert.match(error.message, message);
  return true;
};

Deno.test("last mounted is frozen first, /var last; a thaw goes the other way round", async () => {
  const process = new Process();
  const { kernel, freezer } = process;
  assert.equal(freezer.state, "thawed");
  assert.equal(await freezer.freeze(), 3);
  assert.equal(freezer.state, "frozen");
  assert.deepEqual(kernel.callsOf("freeze"), ["/var/mnt/data", "/", "/var"]);
  assert.equal(await freezer.thaw("command"), 3);
  assert.deepEqual([...new Set(kernel.callsOf("thaw"))], ["/var", "/", "/var/mnt/data"]);
  assertClean(process);
  assert.equal(process.marker.last?.endedBy, "command");
  assert.equal(process.marker.last?.count, 3);
  assert.equal(await freezer.thaw("command"), 0);
});

Deno.test("everything is open and marked before the first file system is frozen", async () => {
  const { kernel, marker, freezer } = new Process();
  kernel.onFrozen = () => {
    assert.deepEqual(kernel.callsOf("open").toSorted(), ["/", "/var", "/var/mnt/data"]);
    assert.deepEqual(marker.devices, [3, 1, 2].map((minor) => ({ major: 8, minor })));
  };
  await freezer.freeze();
  await freezer.thaw("command");
  assert.equal(kernel.callsOf("open").length, 3);
});

Deno.test("what cannot be frozen or is frozen by others is not counted and never thawed", async () => {
  const process = new Process();
  const { kernel, freezer } = process;
  kernel.at("/").faults.freeze = Errno.EOPNOTSUPP;
  kernel.at("/var/mnt/data").frozen = true;
  assert.equal(await freezer.freeze(), 1);
  assert.equal(await freezer.thaw("command"), 1);
  assert.deepEqual(kernel.frozen, ["/var/mnt/data"]);
  assert.deepEqual(new Set(kernel.callsOf("thaw")), new Set(["/var"]));
});

Deno.test("a failing freeze or open thaws what is frozen already and reports why", async () => {
  const process = new Process();
  const { kernel, freezer, log } = process;
  kernel.at("/var").faults.freeze = Errno.EIO;
  await assert.rejects(
    freezer.freeze(),
    freezeError("failed to freeze /var: Input/output error"),
  );
  assert.equal(kernel.callsOf("freeze").length, 3);
  assertClean(process);
  assert.equal(process.marker.last?.endedBy, "abort");
  assert.equal(log.matching(/not frozen/).length, 1);
  delete kernel.at("/var").faults.freeze;
  kernel.at("/").faults.open = Errno.ENOENT;
  await assert.rejects(
    freezer.freeze(),
    freezeError("failed to open /: No such file or directory"),
  );
  assert.equal(kernel.callsOf("freeze").length, 3);
  assertClean(process);
});

Deno.test("a state directory that cannot be written keeps everything from being frozen", async () => {
  const marker = new StateInMemory();
  marker.marker.write = () => {
    throw new Error("no such directory");
  };
  const process = new Process(undefined, marker);
  await assert.rejects(
    process.freezer.freeze(),
    freezeError("cannot write to the state directory: no such directory"),
  );
  assert.deepEqual(process.kernel.callsOf("freeze"), []);
  assertClean(process);
});

Deno.test("a freeze of nothing is an error unless it is allowed", async () => {
  const none = new Process(new FakeFileSystems([]));
  await assert.rejects(none.freezer.freeze(), freezeError(/--path-rootfs.*--fsfreeze-allow-empty/));
  assertClean(none);
  const foreign = new Process(new FakeFileSystems([fakeMount("/var", 1)]));
  foreign.kernel.at("/var").frozen = true;
  await assert.rejects(foreign.freezer.freeze(), freezeError(/somebody else/));
  assert.deepEqual(foreign.kernel.frozen, ["/var"]);
  assert.equal(foreign.marker.devices, undefined);
  for (const mounts of [[], [fakeMount("/var", 1)]]) {
    const kernel = new FakeFileSystems(mounts);
    for (const fileSystem of kernel.all) fileSystem.faults.freeze = Errno.EOPNOTSUPP;
    const lenient = new Process(kernel, undefined, { allowEmpty: true });
    assert.equal(await lenient.freezer.freeze(), 0);
    assertClean(lenient);
  }
});

Deno.test("a list names mount points exactly; unknown ones are ignored", async () => {
  const process = new Process();
  const { kernel, freezer } = process;
  assert.equal(await freezer.freeze(["/var", "/var/mnt", "/nowhere"]), 1);
  assert.deepEqual(kernel.frozen, ["/var"]);
  assert.equal(await freezer.thaw("command"), 1);
  await assert.rejects(freezer.freeze(["/nowhere"]), freezeError(/no file system to freeze/));
  await assert.rejects(freezer.freeze([]), freezeError(/no file system to freeze/));
  assertClean(process);
});

Deno.test("a second freeze is refused while the first one lasts", async () => {
  const process = new Process();
  const { freezer } = process;
  await freezer.freeze();
  await assert.rejects(freezer.freeze(), freezeError("the file systems are frozen already"));
  assert.equal(process.kernel.frozen.length, 3);
  assert.equal(await freezer.thaw("command"), 3);
});

Deno.test("nothing is logged from the freeze until the thaw is done", async () => {
  const process = new Process();
  const { kernel, freezer, events } = process;
  kernel.onFrozen = ({ mount }) => events.push(mount.mountPoint);
  await freezer.freeze();
  assert.equal(process.held, true);
  await freezer.thaw("command");
  assert.deepEqual(events, [
    "freezing file systems",
    "/var/mnt/data",
    "/",
    "/var",
    "file systems thawed",
  ]);
  assert.equal(process.log.matching(/^file systems frozen/)[0]?.fields["count"], 3);
});

Deno.test("the time limit thaws, with a warning, and the client's thaw tells so once", async () => {
  const process = new Process();
  const { freezer, log, timers } = process;
  await freezer.freeze();
  assert.equal(timers[0]?.milliseconds, 60_000);
  await process.elapse();
  assertClean(process);
  assert.equal(process.marker.last?.endedBy, "timer");
  assert.equal(log.matching(/--fsfreeze-timeout/)[0]?.level, "warn");
  await assert.rejects(
    freezer.thaw("command"),
    freezeError(/^fsfreeze is limited up to 60 seconds: the file systems were thawed at /),
  );
  assert.equal(await freezer.thaw("command"), 0);
  const unlimited = new Process(undefined, undefined, { timeoutMs: 0 });
  await unlimited.freezer.freeze();
  assert.deepEqual(unlimited.timers, []);
  await unlimited.freezer.thaw("command");
});

Deno.test("a thaw during a freeze thaws at once what is frozen, and the rest is not frozen", async () => {
  const process = new Process();
  const { kernel, freezer } = process;
  kernel.onFrozen = () => kernel.holdsFreeze = true;
  const freezing = freezer.freeze();
  const refused = assert.rejects(freezing, freezeError(/abandoned: it took longer than/));
  await kernel.freezeHeld();
  assert.equal(freezer.state, "freezing");
  assert.deepEqual(kernel.frozen, ["/var/mnt/data"]);
  await process.elapse();
  // The second FIFREEZE is still under way.
  assert.equal(freezer.state, "thawing");
  assert.deepEqual(kernel.frozen, []);
  assert.notEqual(process.marker.devices, undefined);
  const alsoThawing = assert.rejects(freezer.thaw("command"), freezeError(/^fsfreeze is limited/));
  kernel.finishFreeze();
  await refused;
  await alsoThawing;
  assert.deepEqual(kernel.callsOf("freeze"), ["/var/mnt/data", "/"]);
  assertClean(process);
  assert.equal(process.marker.last?.endedBy, "timer");
});

Deno.test("a thaw at any moment of a freeze: either it succeeds and lasts until then, or fails", async () => {
  let succeeded = 0;
  for (let moment = 0; succeeded < 3; moment++) {
    assert.ok(moment < 1000);
    const process = new Process();
    const outcome = process.freezer.freeze().catch(() => "failed");
    for (let turn = 0; turn < moment; turn++) await Promise.resolve();
    const thawed = await process.freezer.thaw("timer");
    const frozen = await outcome;
    if (frozen !== "failed") {
      assert.deepEqual([frozen, thawed], [3, 3]);
      succeeded++;
    }
    assertClean(process);
  }
});

Deno.test("a loop device's thaw that waits for the freeze under way does not hold it up", async () => {
  const process = new Process();
  const { kernel, freezer } = process;
  kernel.at("/var/mnt/data").liesOn = kernel.at("/");
  kernel.onFrozen = () => kernel.holdsFreeze = true;
  const refused = assert.rejects(freezer.freeze(), freezeError(/abandoned/));
  await kernel.freezeHeld();
  await process.elapse();
  assert.deepEqual(kernel.frozen, ["/var/mnt/data"]);
  kernel.finishFreeze();
  await refused;
  assertClean(process);
  assert.equal(process.marker.last?.count, 2);
});

Deno.test("a signal during a freeze thaws, and nothing can be frozen afterwards", async () => {
  const process = new Process();
  const { kernel, freezer } = process;
  kernel.holdsFreeze = true;
  const refused = assert.rejects(freezer.freeze(), freezeError(/abandoned: the agent is stopping/));
  await kernel.freezeHeld();
  const disposed = freezer[Symbol.asyncDispose]();
  kernel.finishFreeze();
  await disposed;
  await refused;
  assertClean(process);
  await assert.rejects(freezer.freeze(), freezeError("the agent is stopping"));
  await freezer[Symbol.asyncDispose]();
});

Deno.test("a freeze that the kernel does not come back from is abandoned, and thawed when it does", async () => {
  const process = new Process();
  const { kernel, marker, freezer, timers } = process;
  kernel.onFrozen = () => kernel.holdsFreeze = true;
  const refused = assert.rejects(freezer.freeze(), freezeError(/has not come back/));
  await kernel.freezeHeld();
  await process.elapse();
  assert.deepEqual(kernel.frozen, []);
  assert.deepEqual(timers.map(({ milliseconds }) => milliseconds), [10_000]);
  await process.elapse();
  await process.elapse();
  await refused;
  assert.equal(freezer.state, "freezing");
  assert.notEqual(marker.devices, undefined);
  const thawed = assert.rejects(freezer.thaw("command"), freezeError(/has not come back/));
  await settle();
  await process.elapse();
  await thawed;
  kernel.finishFreeze();
  await settle();
  assert.deepEqual(kernel.frozen, []);
  await process.elapse();
  assertClean(process);
});

Deno.test("an agent that stops waits for a freeze that it has abandoned", async () => {
  const process = new Process();
  const { kernel, freezer } = process;
  kernel.holdsFreeze = true;
  const refused = assert.rejects(freezer.freeze(), freezeError(/abandoned|has not come back/));
  await kernel.freezeHeld();
  await process.elapse();
  const disposed = freezer[Symbol.asyncDispose]();
  await process.elapse();
  await settle();
  kernel.finishFreeze();
  await disposed;
  await refused;
  assertClean(process);
});

Deno.test("what cannot be thawed stays frozen in state and marker, and is tried again", async () => {
  const process = new Process();
  const { kernel, marker, freezer, timers } = process;
  await freezer.freeze();
  kernel.at("/").faults.thaw = Errno.EIO;
  await assert.rejects(
    freezer.thaw("command"),
    freezeError("failed to thaw /: Input/output error"),
  );
  assert.deepEqual(kernel.frozen, ["/"]);
  assert.equal(freezer.state, "frozen");
  assert.notEqual(marker.devices, undefined);
  assert.equal(timers[0]?.milliseconds, 5000);
  await process.elapse();
  assert.equal(freezer.state, "frozen");
  delete kernel.at("/").faults.thaw;
  await process.elapse();
  assertClean(process);
  assert.equal(process.marker.last?.count, 3);
});

Deno.test("an agent that stops without a whole thaw says so and leaves the marker", async () => {
  const process = new Process();
  const { kernel, freezer, marker, log, timers } = process;
  await freezer.freeze();
  kernel.at("/var").faults.thaw = Errno.EIO;
  await freezer[Symbol.asyncDispose]();
  assert.deepEqual(kernel.frozen, ["/var"]);
  assert.notEqual(marker.devices, undefined);
  assert.deepEqual(timers, []);
  assert.equal(log.matching(/stops without a whole thaw/).length, 1);
  assert.equal(process.held, false);
});

Deno.test("the next process thaws what a killed one has frozen, and only that", async () => {
  const first = new Process();
  first.kernel.at("/").frozen = true;
  await first.freezer.freeze(["/var", "/var/mnt/data"]);
  first.alive = false;
  const second = new Process(first.kernel, first.marker, { mounts: () => [] });
  assert.equal(second.freezer.takeOver(), true);
  assert.equal(second.freezer.state, "frozen");
  assert.equal(second.held, true);
  first.kernel.calls.length = 0;
  assert.equal(await second.freezer.thaw("start"), 2);
  assert.deepEqual(first.kernel.frozen, ["/"]);
  assert.deepEqual(first.kernel.callsOf("open"), ["/var/mnt/data", "/var"]);
  assert.equal(first.marker.last?.endedBy, "start");
  assert.equal(second.freezer.state, "thawed");
  assert.equal(first.marker.devices, undefined);
  assert.equal(second.freezer.takeOver(), false);
});

Deno.test("qemu-ga's empty marker means all mounts; a device that is gone is told", async () => {
  const kernel = new FakeFileSystems(MOUNTS);
  kernel.at("/").frozen = true;
  const marker = new StateInMemory();
  marker.devices = "all";
  const process = new Process(kernel, marker);
  process.freezer.takeOver();
  assert.equal(await process.freezer.thaw("start"), 1);
  assertClean(process);
  marker.devices = [{ major: 9, minor: 9 }];
  process.freezer.takeOver();
  assert.equal(await process.freezer.thaw("start"), 0);
  assert.equal(process.log.matching(/mounted nowhere/)[0]?.fields["device"], "9:9");
  assertClean(process);
});

Deno.test("a take-over that fails is tried again", async () => {
  const kernel = new FakeFileSystems(MOUNTS);
  kernel.at("/var").frozen = true;
  const marker = new StateInMemory();
  marker.devices = [{ major: 8, minor: 2 }];
  let faults = 2;
  const process = new Process(kernel, marker, {
    allMounts: () => {
      if (faults-- > 0) throw new Error("no table");
      return kernel.mounts;
    },
  });
  process.freezer.takeOver();
  await assert.rejects(process.freezer.thaw("start"), freezeError("failed to thaw: no table"));
  assert.equal(process.freezer.state, "frozen");
  kernel.at("/var").faults.open = Errno.ENOENT;
  await process.elapse();
  await process.elapse();
  assert.notEqual(marker.devices, undefined);
  delete kernel.at("/var").faults.open;
  await process.elapse();
  assertClean(process);
});

Deno.test("the hook runs before a freeze and after each thaw", async () => {
  const actions: string[] = [];
  const kernel = new FakeFileSystems(MOUNTS);
  const process = new Process(kernel, undefined, {
    hook: (action) => {
      actions.push(`${action} ${kernel.frozen.length}`);
      return Promise.resolve();
    },
  });
  const { freezer } = process;
  await freezer.freeze();
  await freezer.thaw("command");
  await freezer.thaw("command");
  assert.deepEqual(actions.splice(0), ["freeze 0", "thaw 0", "thaw 0"]);
  await freezer.freeze();
  await process.elapse();
  assert.deepEqual(actions.splice(0), ["freeze 0", "thaw 0"]);
  kernel.at("/").faults.freeze = Errno.EIO;
  await assert.rejects(freezer.freeze());
  assert.deepEqual(actions.splice(0), ["freeze 0", "thaw 0"]);
  await freezer[Symbol.asyncDispose]();
  assert.deepEqual(actions, []);
});

Deno.test("a freeze waits for the hook of the thaw before", async () => {
  const actions: string[] = [];
  const hook = Promise.withResolvers<void>();
  const process = new Process(undefined, undefined, {
    hook: async (action) => {
      actions.push(`${action} begins`);
      if (action === "thaw") await hook.promise;
      actions.push(`${action} ends`);
    },
  });
  const { freezer } = process;
  await freezer.freeze();
  const thawed = freezer.thaw("timer");
  await settle();
  assert.equal(freezer.state, "thawed");
  assert.deepEqual(process.kernel.frozen, []);
  const frozen = freezer.freeze();
  await settle();
  assert.deepEqual(actions.splice(0), ["freeze begins", "freeze ends", "thaw begins"]);
  hook.resolve();
  await thawed;
  assert.equal(await frozen, 3);
  assert.deepEqual(actions, ["thaw ends", "freeze begins", "freeze ends"]);
  await freezer.thaw("command");
});

Deno.test("a failing hook keeps a freeze from beginning; after a thaw it is only told", async () => {
  const actions: string[] = [];
  let failing = "freeze";
  const process = new Process(undefined, undefined, {
    hook: (action) => {
      actions.push(action);
      return action === failing ? Promise.reject(new Error("exit status 3")) : Promise.resolve();
    },
  });
  const { freezer } = process;
  await assert.rejects(freezer.freeze(), /exit status 3/);
  assert.deepEqual(actions, ["freeze"]);
  assert.deepEqual(process.kernel.calls, []);
  assertClean(process);
  failing = "thaw";
  assert.equal(await freezer.freeze(), 3);
  await assert.rejects(freezer.thaw("command"), /exit status 3/);
  assertClean(process);
  assert.equal(await freezer.freeze(), 3);
  await process.elapse();
  assert.equal(process.log.matching(/hook has failed after the thaw/).length, 1);
  assertClean(process);
  assert.equal(await freezer.freeze(), 3);
  assert.equal(await freezer.thaw("shutdown"), 3);
  assertClean(process);
});

Deno.test("a shutdown does not wait for a hook that lasts, and a stop does for a while", async () => {
  const hook = Promise.withResolvers<void>();
  const process = new Process(undefined, undefined, {
    hook: (action) => action === "thaw" ? hook.promise : Promise.resolve(),
  });
  const { freezer, timers } = process;
  await freezer.freeze();
  assert.equal(await freezer.thaw("shutdown"), 3);
  const disposed = freezer[Symbol.asyncDispose]();
  await settle();
  assert.deepEqual(timers.map(({ milliseconds }) => milliseconds), [10_000]);
  await process.elapse();
  await disposed;
  hook.resolve();
  await settle();
});

Deno.test("a signal ends a hook that lasts", async () => {
  const process = new Process(undefined, undefined, {
    hook: (_action, signal) =>
      new Promise((_resolve, reject) => {
        signal?.addEventListener("abort", () => reject(signal.reason));
      }),
  });
  const refused = assert.rejects(process.freezer.freeze(), freezeError(/the agent is stopping/));
  await settle();
  await process.freezer[Symbol.asyncDispose]();
  await refused;
  assertClean(process);
});

type Step = "freeze" | "thaw" | "timer" | "signal" | "kill" | "finish" | "hold" | "fault" | "mend";

Deno.test("no sequence of events leaves a file system frozen unseen", async () => {
  const steps = fc.array(
    fc.tuple(
      fc.constantFrom<Step>(
        ...[
          "freeze",
          "thaw",
          "timer",
          "signal",
          "kill",
          "finish",
          "hold",
          "fault",
          "mend",
        ] as const,
      ),
      fc.boolean(),
    ),
    { maxLength: 25 },
  );
  await checkProperty("freeze, thaw, timer, signal and kill", steps, async (sequence) => {
    const kernel = new FakeFileSystems(MOUNTS);
    const marker = new StateInMemory();
    let process = new Process(kernel, marker);
    const pending: Promise<unknown>[] = [];
    const ignore = (promise: Promise<unknown>) => pending.push(promise.catch(() => {}));
    const restart = () => {
      process = new Process(kernel, marker);
      if (process.freezer.takeOver()) ignore(process.freezer.thaw("start"));
    };
    const faults: string[] = [];
    const check = () => {
      if (kernel.frozen.length === 0) return;
      if (marker.devices === undefined) faults.push("frozen without marker");
      if (process.freezer.state === "thawed") faults.push("frozen without knowing it");
      if (!process.held) faults.push("frozen while lines are logged");
    };
    kernel.onFrozen = check;
    for (const [step, pause] of sequence) {
      if (step === "freeze") ignore(process.freezer.freeze());
      else if (step === "thaw") ignore(process.freezer.thaw("command"));
      else if (step === "timer") process.timers.splice(0, 1)[0]?.callback();
      else if (step === "finish") kernel.finishFreeze();
      else if (step === "hold") kernel.holdsFreeze = !kernel.holdsFreeze;
      else if (step === "fault") kernel.at("/").faults.thaw = Errno.EIO;
      else if (step === "mend") delete kernel.at("/").faults.thaw;
      else if (step === "kill") {
        process.alive = false;
        // A process is gone when the kernel has finished its calls.
        kernel.finishFreeze();
        await settle();
        restart();
      } else {
        delete kernel.at("/").faults.thaw;
        const disposed = process.freezer[Symbol.asyncDispose]();
        await settle();
        kernel.finishFreeze();
        await disposed;
        assert.deepEqual(kernel.frozen, []);
        restart();
      }
      if (pause) await settle();
      check();
      assert.deepEqual(faults, []);
    }
    kernel.holdsFreeze = false;
    delete kernel.at("/").faults.thaw;
    kernel.finishFreeze();
    await settle();
    // The first one may tell that a freeze has ended too early.
    await process.freezer.thaw("command").catch(() => {});
    assert.equal(await process.freezer.thaw("command"), 0);
    assert.deepEqual(kernel.frozen, []);
    assert.equal(marker.devices, undefined);
    assert.equal(process.freezer.state, "thawed");
  });
});

Deno.test("a freeze and its thaw are published, with each state between", async () => {
  const { freezer, activity } = new Process();
  await freezer.freeze();
  await freezer.thaw("command");
  assert.deepEqual(activity.of("freeze-state").map(({ state, count }) => [state, count]), [
    ["freezing", 0],
    ["frozen", 3],
    ["thawing", 3],
    ["thawed", 0],
  ]);
  const [freeze] = activity.of("freeze");
  assert.deepEqual([freeze?.outcome, freeze?.count], ["frozen", 3]);
  const [thaw] = activity.of("thaw");
  assert.deepEqual([thaw?.reason, thaw?.count], ["command", 3]);
  assert.ok(Number(thaw?.frozenSeconds) >= 0);
});

Deno.test("a freeze of nothing and one that is abandoned are told apart", async () => {
  const empty = new Process(new FakeFileSystems([]));
  await assert.rejects(empty.freezer.freeze());
  assert.deepEqual(empty.activity.of("freeze").map(({ outcome }) => outcome), ["nothing"]);
  const broken = new Process();
  broken.kernel.at("/").faults.freeze = Errno.EIO;
  await assert.rejects(broken.freezer.freeze());
  const [freeze] = broken.activity.of("freeze");
  assert.equal(freeze?.outcome, "failed");
  assert.match(freeze?.error ?? "", /failed to freeze \/:/);
  assert.deepEqual(broken.activity.of("thaw").map(({ reason }) => reason), ["abort"]);
});

Deno.test("a thaw that fails is published, and what stays frozen is", async () => {
  const process = new Process();
  const { freezer, activity, kernel } = process;
  await freezer.freeze();
  kernel.at("/var").faults.thaw = Errno.EIO;
  await assert.rejects(freezer.thaw("command"));
  assert.match(activity.of("thaw-failed")[0]?.error ?? "", /failed to thaw \/var/);
  assert.deepEqual(activity.of("freeze-state").at(-1), {
    kind: "freeze-state",
    state: "frozen",
    count: 1,
  });
  delete kernel.at("/var").faults.thaw;
  await process.elapse();
  assertClean(process);
});

Deno.test("each thaw that no client asked for is told to its client, over a restart too", async () => {
  const process = new Process();
  await process.freezer.freeze();
  await process.freezer.thaw("shutdown");
  await assert.rejects(process.freezer.thaw("command"), freezeError(/a shutdown was asked for/));
  assert.equal(await process.freezer.thaw("command"), 0);
  await process.freezer.freeze();
  await process.freezer[Symbol.asyncDispose]();
  const second = new Process(process.kernel, process.marker);
  await assert.rejects(second.freezer.thaw("command"), freezeError(/the agent was stopped/));
  assert.equal(await second.freezer.thaw("command"), 0);
  await second.freezer.freeze();
  second.alive = false;
  const third = new Process(process.kernel, process.marker);
  third.freezer.takeOver();
  await third.freezer.thaw("start");
  await assert.rejects(third.freezer.thaw("command"), freezeError(/started again/));
  // Whoever freezes again is not told of the freeze before.
  await third.freezer.freeze();
  await third.elapse();
  await third.freezer.freeze();
  assert.equal(await third.freezer.thaw("command"), 3);
});

Deno.test("what the guard has thawed for a killed agent the next one reports and tells", async () => {
  const marker = new StateInMemory();
  marker.last = {
    ...{ since: 5_000, until: 7_000, seconds: 2, count: 3, endedBy: "guard" },
    ...{ reported: false, told: false },
  };
  const process = new Process(undefined, marker);
  process.freezer.reportLastFreeze();
  process.freezer.reportLastFreeze();
  const thaws = process.activity.of("thaw");
  assert.deepEqual(
    thaws.map(({ reason, count, frozenSeconds }) => [reason, count, frozenSeconds]),
    [
      ["guard", 3, 2],
    ],
  );
  const [last] = process.activity.of("last-freeze");
  assert.deepEqual([last?.since, last?.seconds, last?.endedBy], [5, 2, "guard"]);
  await assert.rejects(process.freezer.thaw("command"), freezeError(/by the guard/));
  assert.equal(await process.freezer.thaw("command"), 0);
});

Deno.test("an agent that the guard has thawed for reports the guard when it resumes", async () => {
  const process = new Process();
  const { freezer, kernel, marker } = process;
  await freezer.freeze();
  for (const fileSystem of kernel.all) fileSystem.frozen = false;
  marker.last = {
    ...{ since: marker.marked?.times?.since ?? 0, until: Date.now(), seconds: 64, count: 3 },
    ...{ endedBy: "guard", limitSeconds: 60, reported: false, told: false },
  };
  await process.elapse();
  assertClean(process);
  assert.deepEqual(process.activity.of("thaw").map(({ reason, count }) => [reason, count]), [
    ["guard", 3],
  ]);
  await assert.rejects(
    freezer.thaw("command"),
    freezeError(/^fsfreeze is limited up to 60 .* guard/),
  );
});

Deno.test("a freeze whose guard ends is thawed, and none that the guard did not see begin", async () => {
  const process = new Process();
  const { freezer, guard } = process;
  await freezer.freeze();
  await freezer.thaw("command");
  await freezer.freeze();
  guard.end();
  await settle();
  assertClean(process);
  assert.equal(process.marker.last?.endedBy, "unguarded");
  assert.equal(await freezer.freeze(), 3);
  await settle();
  assert.equal(freezer.state, "frozen");
  assert.deepEqual(process.activity.of("freeze").map(({ guarded }) => guarded), [
    true,
    true,
    false,
  ]);
  assert.equal(await freezer.thaw("command"), 3);
});

Deno.test("how a freeze ended is written down before its marker goes: a kill in between is told", async () => {
  const process = new Process();
  const { freezer, marker } = process;
  await freezer.freeze();
  let ended: string | undefined;
  const { remove } = marker.marker;
  marker.marker.remove = () => {
    ended = marker.last?.endedBy;
    remove();
  };
  await freezer.thaw("shutdown");
  assert.equal(ended, "shutdown");
});
