import { deepEqual, equal, match, ok } from "node:assert/strict";
import fc from "fast-check";
import { DATA, FreezeGuest, MARKER, ROOT, STATE, VAR } from "../harness/qemu/freeze_guest.ts";
import { type FreezeCall, FreezeTrace, succeededOn } from "../harness/qemu/freeze_trace.ts";
import { type GuestAgentClient, GuestAgentError } from "../harness/qemu/guest_agent_client.ts";
import { startTalosApi } from "../harness/qemu/talos_guest.ts";

const SLOW = { timeoutMs: 60_000 };
const LOOP_DEVICE = "7:0";
const IOCTL = "16";

async function freeze(agent: GuestAgentClient): Promise<unknown> {
  return await agent.execute("guest-fsfreeze-freeze", undefined, SLOW);
}

async function freezeList(agent: GuestAgentClient, ...mountpoints: string[]): Promise<unknown> {
  return await agent.execute("guest-fsfreeze-freeze-list", { mountpoints }, SLOW);
}

async function thaw(agent: GuestAgentClient): Promise<unknown> {
  return await agent.execute("guest-fsfreeze-thaw", undefined, SLOW);
}

async function status(agent: GuestAgentClient): Promise<unknown> {
  return await agent.execute("guest-fsfreeze-status", undefined, SLOW);
}

async function errorOf(reply: Promise<unknown>): Promise<GuestAgentError> {
  try {
    await reply;
  } catch (error) {
    if (error instanceof GuestAgentError) return error;
    throw error;
  }
  throw new Error("the command was answered with success");
}

function milliseconds(from: number, to: number | undefined): string {
  return to === undefined ? "?" : `${((to - from) * 1000).toFixed(1)} ms`;
}

Deno.test("file systems are frozen and thawed by the compiled agent", async (t) => {
  await using api = await startTalosApi();
  await using node = await FreezeGuest.boot(api);
  const { guest, trace } = node;
  for (const { mountPoint } of [STATE, VAR, DATA]) await node.startWriter(mountPoint);
  const everything = [DATA, STATE, VAR].map(({ device }) => device);

  await t.step(
    "ext4 and xfs, under running writers; /var last, and first to be thawed",
    async () => {
      await using agent = await guest.agent();
      await agent.sync(SLOW);
      deepEqual(await node.stoppedWriters(), []);
      equal(await status(agent), "thawed");
      await trace.clear();
      equal(await freeze(agent), 3);
      equal(await status(agent), "frozen");
      deepEqual(await node.stoppedWriters(), ["/system/state", "/var", "/var/mnt/data"]);
      // Reading continues.
      await node.run(`cat ${ROOT}/var/progress | wc -c; ls ${ROOT}/var/mnt/data; df ${ROOT}/var`);
      const info = await agent.execute("guest-info") as {
        supported_commands: { name: string; enabled: boolean }[];
      };
      deepEqual(
        info.supported_commands.filter(({ enabled }) => enabled).map(({ name }) => name).sort(),
        [
          "guest-fsfreeze-status",
          "guest-fsfreeze-thaw",
          "guest-info",
          "guest-ping",
          "guest-shutdown",
          "guest-sync",
          "guest-sync-delimited",
        ],
      );
      deepEqual(await agent.execute("guest-ping"), {});
      for (const blocked of ["guest-get-osinfo", "guest-fsfreeze-freeze", "guest-fstrim"]) {
        const error = await errorOf(agent.execute(blocked));
        equal(error.errorClass, "CommandNotFound");
        match(error.description, new RegExp(`^Command ${blocked} has been disabled: .*frozen`));
      }
      deepEqual((await node.log()).at(-1)?.["message"], "freezing file systems");
      equal(await thaw(agent), 3);
      equal(await status(agent), "thawed");
      await node.waitForWriters();
      equal(await thaw(agent), 0);
      const { calls } = await trace.read();
      deepEqual(succeededOn(calls, "freeze"), everything);
      deepEqual(succeededOn(calls, "thaw"), everything.toReversed());
      await agent.execute("guest-get-osinfo");
    },
  );

  await t.step("the log waits for the thaw, and is in order then", async () => {
    const lines = (await node.log()).filter(({ message }) => /file systems/.test(String(message)));
    deepEqual(
      lines.map(({ message, count, mountPoints }) => [message, count, mountPoints]),
      [
        ["freezing file systems", undefined, "/var/mnt/data,/system/state,/var"],
        ["file systems frozen", 3, "/var/mnt/data,/system/state,/var"],
        ["file systems thawed", 3, undefined],
      ],
    );
    const times = lines.map(({ time }) => Date.parse(String(time)));
    deepEqual(times, times.toSorted((one, other) => one - other));
  });

  await t.step("bind mounts, a disk mounted twice, and a file system in a file", async () => {
    const root = ROOT;
    await node.run(
      `mkdir -p ${root}/var/mnt/again ${root}/var/mnt/bound ${root}/opt ${root}/var/mnt/loop; ` +
        `mount -t ext4 ${DATA.disk} ${root}/var/mnt/again && ` +
        `mkdir -p ${root}/var/mnt/data/directory && ` +
        `mount -o bind ${root}/var/mnt/data/directory ${root}/var/mnt/bound && ` +
        `mount -o bind ${root}/var ${root}/opt && ` +
        `truncate -s 32M ${root}/var/mnt/data/loop.img && ` +
        `mkfs.ext4 -q ${root}/var/mnt/data/loop.img && ` +
        `mount -o loop ${root}/var/mnt/data/loop.img ${root}/var/mnt/loop`,
    );
    await node.startWriter("/var/mnt/loop");
    await using agent = await guest.agent();
    await agent.sync(SLOW);
    await trace.clear();
    equal(await freeze(agent), 4);
    deepEqual(
      await node.stoppedWriters(),
      ["/system/state", "/var", "/var/mnt/data", "/var/mnt/loop"],
    );
    equal(await thaw(agent), 4);
    await node.waitForWriters();
    const { calls } = await trace.read();
    const withLoop = [LOOP_DEVICE, ...everything];
    deepEqual(calls.filter(({ kind }) => kind === "freeze").map(({ device }) => device), withLoop);
    deepEqual(succeededOn(calls, "thaw"), withLoop.toReversed());
  });

  await t.step("those of a list", async () => {
    await using agent = await guest.agent();
    await agent.sync(SLOW);
    await trace.clear();
    equal(await freezeList(agent, "/system/state", "/nonsense"), 1);
    deepEqual(await node.stoppedWriters(), ["/system/state"]);
    equal(await thaw(agent), 1);
    await node.waitForWriters();
    // Below it lies the loop device, whose writer cannot get on for long.
    equal(await freezeList(agent, "/var/mnt/data"), 1);
    deepEqual((await node.stoppedWriters()).includes("/var"), false);
    equal(await thaw(agent), 1);
    await node.waitForWriters();
    const { calls } = await trace.read();
    deepEqual(succeededOn(calls, "freeze"), [STATE.device, DATA.device]);
  });

  await t.step("a freeze of nothing is an error", async () => {
    await using agent = await guest.agent();
    await agent.sync(SLOW);
    await trace.clear();
    for (const list of [[], ["/nonsense"], ["/var/mnt/bound"]]) {
      const error = await errorOf(freezeList(agent, ...list));
      equal(error.errorClass, "GenericError");
      match(error.description, /^no file system to freeze/);
      equal(await status(agent), "thawed");
    }
    deepEqual((await trace.read()).calls, []);
    await node.stopWriter("/var/mnt/loop");
    for (const mountPoint of ["/var/mnt/loop", "/opt", "/var/mnt/bound", "/var/mnt/again"]) {
      await node.run(`umount ${ROOT}${mountPoint}`);
    }
  });

  await t.step("what is read-only is left out, of trim too", async () => {
    await node.stopWriter(DATA.mountPoint);
    await node.run(`mount -o remount,ro ${ROOT}${DATA.mountPoint}`);
    await using agent = await guest.agent();
    await agent.sync(SLOW);
    await trace.clear();
    equal(await freeze(agent), 2);
    equal(await thaw(agent), 2);
    const { paths } = await agent.execute("guest-fstrim", undefined, SLOW) as {
      paths: { path: string }[];
    };
    deepEqual(paths.map(({ path }) => path).sort(), [STATE.mountPoint, VAR.mountPoint]);
    deepEqual(succeededOn((await trace.read()).calls, "freeze"), [STATE.device, VAR.device]);
    await node.run(`mount -o remount,rw ${ROOT}${DATA.mountPoint}`);
    await node.startWriter(DATA.mountPoint);
  });

  await t.step("what somebody else has frozen stays frozen", async () => {
    await using agent = await guest.agent();
    await agent.sync(SLOW);
    await node.run(`fsfreeze --freeze ${ROOT}/var/mnt/data`);
    await trace.clear();
    equal(await freeze(agent), 2);
    equal(await thaw(agent), 2);
    deepEqual(await node.stoppedWriters(), ["/var/mnt/data"]);
    const { calls } = await trace.read();
    deepEqual(succeededOn(calls, "freeze"), [STATE.device, VAR.device]);
    equal(calls.some(({ kind, device }) => kind === "thaw" && device === DATA.device), false);
    equal((await errorOf(freezeList(agent, "/var/mnt/data"))).errorClass, "GenericError");
    await node.run(`fsfreeze --unfreeze ${ROOT}/var/mnt/data`);
    await node.waitForWriters();
  });

  await t.step("trim gives the blocks of a deleted file back to the host", async () => {
    await using agent = await guest.agent();
    await agent.sync(SLOW);
    const bytesOnHost = async () => ((await Deno.stat(guest.disks[0] ?? "")).blocks ?? 0) * 512;
    await node.run(
      `dd if=/dev/urandom of=${ROOT}/var/mnt/data/big bs=1M count=48 2>/dev/null; sync`,
    );
    const full = await bytesOnHost();
    await node.run(`rm ${ROOT}/var/mnt/data/big; sync`);
    const { paths } = await agent.execute("guest-fstrim", undefined, SLOW) as {
      paths: { path: string; trimmed: number; minimum: number }[];
    };
    deepEqual(paths.map(({ path }) => path), ["/var/mnt/data", "/var", "/system/state"]);
    const [first] = paths;
    ok(first !== undefined && first.trimmed >= 48 * 2 ** 20 && first.trimmed < 128 * 2 ** 20);
    equal(first.minimum, 0);
    const trimmed = await bytesOnHost();
    ok(full - trimmed > 40 * 2 ** 20, `${full} bytes on the host, and ${trimmed} after the trim`);
    console.log(`trim: ${full >> 10} KiB on the host before, ${trimmed >> 10} KiB after`);
  });

  await t.step("a second agent leaves what the first one has frozen", async () => {
    await using agent = await guest.agent();
    await agent.sync(SLOW);
    equal(await freeze(agent), 3);
    await node.run(
      "qemu-ga-talos 2>/run/second.log & echo $! >/run/second.pid; " +
        `while ! ls -l /proc/$!/fd | grep -q ${MARKER.slice(MARKER.lastIndexOf("/") + 1)}; do ` +
        "usleep 50000; done",
    );
    deepEqual(await node.stoppedWriters(), ["/system/state", "/var", "/var/mnt/data"]);
    equal(await thaw(agent), 3);
    await node.waitForWriters();
    await node.run("while ! grep -q held /run/second.log; do usleep 50000; done");
    await node.run("kill $(cat /run/second.pid)");
    match(await node.run("cat /run/second.log"), /vport0p1 is held by another agent/);
    equal(await status(agent), "thawed");
  });

  await t.step("a client that gives a freeze up is answered while it lasts", async () => {
    await using agent = await guest.agent();
    await agent.sync(SLOW);
    await node.dirtySlowDisk(48);
    await trace.clear();
    await agent.request("guest-fsfreeze-freeze");
    // The third is the beginning of the second freeze, which has to write all that.
    await node.run(`${FreezeTrace.waitCommand(3)}; sleep 1`);
    await agent.sync(SLOW);
    const times: number[] = [];
    for (let count = 0; count < 20; count++) {
      const asked = performance.now();
      deepEqual(await agent.execute("guest-ping"), {});
      times.push(performance.now() - asked);
    }
    equal(await status(agent), "frozen");
    const { calls } = await trace.read();
    equal(calls[1]?.ended, undefined, "the freeze was over before the test");
    match((await errorOf(agent.execute("guest-get-fsinfo"))).description, /frozen state/);
    equal(await thaw(agent), 2);
    await node.waitForWriters();
    equal(await status(agent), "thawed");
    console.log(`slowest of 20 pings while a freeze lasts: ${Math.max(...times).toFixed(1)} ms`);
  });

  await t.step("the time limit thaws", async () => {
    await node.run(
      "kill $(cat /run/agent.pid); while [ -d /proc/$(cat /run/agent.pid) ]; do :; done",
    );
    await node.startAgent("--fsfreeze-timeout 2s");
    await using agent = await guest.agent();
    await agent.sync(SLOW);
    await trace.clear();
    equal(await freeze(agent), 3);
    await node.run(FreezeTrace.waitCommand(CALLS));
    await node.waitForWriters();
    equal(await status(agent), "thawed");
    const told = await errorOf(thaw(agent));
    match(
      told.description,
      /^fsfreeze is limited up to 2 seconds: the file systems were thawed at /,
    );
    equal(await thaw(agent), 0);
    const { calls } = await trace.read();
    deepEqual(succeededOn(calls, "thaw"), everything.toReversed());
    const [first] = calls;
    const firstThaw = calls.find(({ kind }) => kind === "thaw");
    ok(first !== undefined && firstThaw !== undefined && firstThaw.began - first.began > 1.9);
    console.log(`limit of 2 s: thaw after ${milliseconds(first.began, firstThaw.began)}`);
    const last = (await node.log()).at(-1);
    deepEqual([last?.["level"], last?.["reason"], last?.["count"]], ["warn", "timer", 3]);
  });

  await t.step("the time limit thaws while a freeze lasts, which then fails", async () => {
    await using agent = await guest.agent();
    await agent.sync(SLOW);
    await node.dirtySlowDisk(48);
    await trace.clear();
    const reply = errorOf(freeze(agent));
    // The third is the beginning of the second freeze.
    const samples = await node.run(
      `${FreezeTrace.waitCommand(3)}; pid=$(cat /run/agent.pid); ` +
        "for i in $(seq 50); do read call rest </proc/$pid/syscall; echo $call; usleep 10000; done",
    );
    const error = await reply;
    match(error.description, /longer than --fsfreeze-timeout \(2000 ms\)/);
    equal(await status(agent), "thawed");
    await node.waitForWriters();
    const { calls } = await trace.read();
    const [data, state] = calls;
    ok(data !== undefined && state?.ended !== undefined);
    deepEqual([data.device, state.device], [DATA.device, STATE.device]);
    const firstThaw = calls.find(({ kind }) => kind === "thaw");
    equal(firstThaw?.device, DATA.device);
    ok(firstThaw.began < state.ended, "the thaw has waited for the freeze under way");
    deepEqual(succeededOn(calls, "freeze"), [DATA.device, STATE.device]);
    deepEqual(succeededOn(calls, "thaw"), [DATA.device, STATE.device]);
    // The thread that waits for the disk is not the one that serves.
    const pid = Number(await node.run("cat /run/agent.pid"));
    equal(calls.some(({ kind, thread }) => kind === "freeze" && thread === pid), false);
    const seen = samples.trim().split("\n");
    equal(seen.includes(IOCTL), false);
    console.log(
      `freeze of a slow disk: ${
        milliseconds(state.began, state.ended)
      }; limit of 2 s: thaw after ` +
        `${milliseconds(data.began, firstThaw.began)}; main thread in system calls ` +
        JSON.stringify(Object.fromEntries(
          [...Map.groupBy(seen, (call) => call)].map(([call, all]) => [call, all.length]),
        )),
    );
  });

  await t.step("a freeze that waits for what somebody else has frozen is given up", async () => {
    const root = `${ROOT}/var/mnt`;
    await node.run(
      `mount -o loop ${root}/data/loop.img ${root}/loop && ` +
        `dd if=/dev/zero of=${root}/loop/dirty bs=1M count=4 2>/dev/null && ` +
        `fsfreeze --freeze ${root}/data`,
    );
    await using agent = await guest.agent();
    await agent.sync(SLOW);
    const error = await errorOf(freezeList(agent, "/var/mnt/loop"));
    match(error.description, /the kernel has not come back/);
    equal(await status(agent), "frozen");
    deepEqual(await agent.execute("guest-ping"), {});
    await node.run(`fsfreeze --unfreeze ${root}/data`);
    await node.run(`while [ -e ${MARKER} ]; do usleep 50000; done`);
    equal(await status(agent), "thawed");
    await node.waitForWriters();
    await node.run(`echo x >${root}/loop/after && sync ${root}/loop/after && umount ${root}/loop`);
  });

  await t.step("SIGTERM thaws what is frozen, and the agent exits with 0", async () => {
    equal(await node.stopAgent(), 0);
    await node.startAgent();
    await using agent = await guest.agent();
    await agent.sync(SLOW);
    await trace.clear();
    equal(await freeze(agent), 3);
    equal(await node.stopAgent(), 0);
    await node.waitForWriters();
    deepEqual(succeededOn((await trace.read()).calls, "thaw"), everything.toReversed());
    deepEqual(
      (await node.log()).slice(-3).map(({ message }) => message),
      ["stopping", "file systems thawed: the agent is stopping", "agent stopped"],
    );
    equal((await guest.run(`ls ${MARKER}`)).status, 1);
  });

  await t.step("SIGTERM during a freeze thaws at once", async () => {
    await node.startAgent();
    await using agent = await guest.agent();
    await agent.sync(SLOW);
    await node.dirtySlowDisk(48);
    await trace.clear();
    await agent.request("guest-fsfreeze-freeze");
    await node.run(FreezeTrace.waitCommand(3));
    equal(await node.stopAgent(), 0);
    await node.waitForWriters();
    const { calls, signals } = await trace.read();
    const [, state] = calls;
    const [signal] = signals;
    const firstThaw = calls.find(({ kind }) => kind === "thaw");
    ok(state?.ended !== undefined && signal !== undefined && firstThaw !== undefined);
    deepEqual([state.device, firstThaw.device], [STATE.device, DATA.device]);
    ok(state.began < signal.time && firstThaw.began < state.ended);
    deepEqual(succeededOn(calls, "freeze").toSorted(), succeededOn(calls, "thaw").toSorted());
    console.log(
      `freeze of a slow disk: ${milliseconds(state.began, state.ended)}; ` +
        `thaw after SIGTERM: ${milliseconds(signal.time, firstThaw.began)}`,
    );
  });

  await t.step("a shutdown thaws, and the machine goes off", async () => {
    await node.startAgent();
    await using agent = await guest.agent();
    await agent.sync(SLOW);
    await trace.clear();
    equal(await freeze(agent), 3);
    const before = api.calls.all.length;
    await agent.request("guest-shutdown");
    const calls = await api.calls.waitFor(before + 1, 60_000);
    equal(calls[before]?.method, "Shutdown");
    deepEqual(succeededOn((await trace.read()).calls, "thaw"), everything.toReversed());
    await node.waitForWriters();
    equal((await guest.powerOff()).code, 0);
  });
});

/** One life of an agent: it freezes and thaws, and is killed meanwhile. */
interface KillPlan {
  /** How many beginnings and ends of FIFREEZE and FITHAW come before: 0 to `CALLS`. */
  readonly after: number;
  /** How long to wait then, in microseconds. */
  readonly delay: number;
  /** How many MiB the freeze has to write to the slow disk. */
  readonly dirtyMiB: number;
  /** Whether the next agent starts while the kernel may not have done with this one. */
  readonly restartAtOnce: boolean;
}

const DEFAULT_KILLS = 50;
/**
 * Beginnings and ends of FIFREEZE and FITHAW in a freeze of three file systems and its thaw. Each is thawed
 * once, and once more in vain, which is repeated for errno.
 */
const CALLS = 2 * (3 + 9);

function killPlans(seed: number, count: number): KillPlan[] {
  const plan = fc.record({
    after: fc.nat(CALLS),
    delay: fc.nat(50_000),
    dirtyMiB: fc.nat(4),
    restartAtOnce: fc.boolean(),
  });
  return fc.sample(fc.noBias(plan), { seed, numRuns: count });
}

/**
 * Kills the agent as planned; gives for each kill what was frozen then, as the kernel had seen it.
 *
 * @param guarded whether a guard watches, which must have thawed before the next agent starts
 */
async function killAgents(
  plans: readonly KillPlan[],
  say: string,
  guarded: boolean,
): Promise<string[]> {
  await using api = await startTalosApi();
  await using node = await FreezeGuest.boot(api);
  if (guarded) await node.startGuard();
  const moments: string[] = [];
  const mountPoints = [STATE, VAR, DATA].map(({ mountPoint }) => mountPoint);
  const files = mountPoints.map((mountPoint) => `${ROOT}${mountPoint}/after`).join(" ");
  for (const [index, plan] of plans.entries()) {
    try {
      const { after, delay, dirtyMiB, restartAtOnce } = plan;
      await node.dirtySlowDisk(dirtyMiB);
      await node.trace.clear();
      {
        await using agent = await node.guest.agent();
        await agent.sync(SLOW);
        await agent.request("guest-fsfreeze-freeze");
        await agent.request("guest-fsfreeze-thaw");
        await node.run(
          `pid=$(cat /run/agent.pid); ${FreezeTrace.takeCommand(after)}; usleep ${delay}; ` +
            `kill -9 $pid` +
            (restartAtOnce ? "" : "; while [ -d /proc/$pid ]; do usleep 10000; done"),
        );
      }
      const { calls } = await node.trace.read();
      const isMarked = (await node.guest.run(`ls ${MARKER}`)).status === 0;
      moments.push(`${momentOf(calls, isMarked)}, ${guarded ? "guarded" : "not guarded"}`);
      const write = `for file in ${files}; do echo x >$file && sync $file || exit 1; done`;
      if (guarded && !restartAtOnce) {
        await node.run(write);
        await node.run(`while [ -e ${MARKER} ]; do usleep 10000; done`);
      }
      await node.startAgent();
      await using agent = await node.guest.agent();
      await agent.sync(SLOW);
      equal(await status(agent), "thawed");
      await node.run(write);
      equal((await node.guest.run(`ls ${MARKER}`)).status, 1, "the marker is still there");
    } catch (error) {
      const trace = JSON.stringify(await node.trace.read().catch(String));
      const log = await node.guest.agentLog().catch(String);
      throw new Error(`${say}, kill ${index}, ${JSON.stringify(plan)}\n${trace}\n${log}`, {
        cause: error,
      });
    }
  }
  return moments;
}

function momentOf(calls: readonly FreezeCall[], isMarked: boolean): string {
  const frozen = succeededOn(calls, "freeze").length;
  const thawed = succeededOn(calls, "thaw").length;
  if (calls.some(({ ended }) => ended === undefined)) return "within a call";
  if (thawed === 3) return isMarked ? "thawed, with the marker" : "thawed";
  if (thawed > 0) return "thawing";
  if (frozen === 3) return "frozen";
  if (frozen > 0) return "freezing";
  return isMarked ? "not yet frozen, with the marker" : "not yet frozen";
}

Deno.test("nothing stays frozen when the agent is killed at any moment", async () => {
  const kills = Number(Deno.env.get("FREEZE_KILLS") ?? DEFAULT_KILLS);
  const seed = Number(Deno.env.get("FREEZE_SEED") ?? Math.floor(Math.random() * 0x7fffffff));
  console.log(`FREEZE_SEED=${seed} FREEZE_KILLS=${kills}`);
  const plans = killPlans(seed, kills);
  // Two guests, for an agent takes seconds to start under emulation: one with a guard, one without.
  const half = Math.ceil(plans.length / 2);
  const moments = (await Promise.all([
    killAgents(plans.slice(0, half), `FREEZE_SEED=${seed}, first guest`, true),
    killAgents(plans.slice(half), `FREEZE_SEED=${seed}, second guest`, false),
  ])).flat();
  for (const [moment, those] of Map.groupBy(moments, (moment) => moment)) {
    console.log(`killed ${moment}: ${those.length}`);
  }
  equal(moments.length, kills);
});
