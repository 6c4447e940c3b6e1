import { ok } from "node:assert/strict";
import { EXECUTABLE, RunningAgent } from "../harness/running_agent.ts";
import { randomNumbers } from "../harness/random.ts";
import { Guest } from "../harness/qemu/guest.ts";
import type { GuestAgentClient } from "../harness/qemu/guest_agent_client.ts";
import { burst } from "./burst.ts";
import { collectGarbage } from "./collect_garbage.ts";
import { HostileInputs } from "./inputs.ts";
import {
  assertNoGrowth,
  describeFigures,
  figuresOf,
  type ProcessFigures,
  readFigures,
} from "./process_figures.ts";

/** Played again with this number; how many inputs, or else for how long, on each of the two channels. */
const SEED = Number(Deno.env.get("HOSTILE_SEED") ?? Math.floor(Math.random() * 2 ** 31));
const COUNT = Number(Deno.env.get("HOSTILE_COUNT") ?? Infinity);
const SECONDS = Number(Deno.env.get("HOSTILE_SECONDS") ?? (COUNT === Infinity ? 20 : Infinity));
/** On the emulated machine, in inputs and seconds. */
const VM_COUNT = Number(Deno.env.get("HOSTILE_VM_COUNT") ?? Infinity);
const VM_SECONDS = Number(
  Deno.env.get("HOSTILE_VM_SECONDS") ?? (VM_COUNT === Infinity ? 20 : Infinity),
);

const INPUTS_A_BURST = 200;
/** So many bursts come before the first figures: what grows with use has grown then. */
const WARM_UP = 40;
const VM_WARM_UP = 4;

/** Whatever would change this machine, or leave files behind. */
const BLOCKED = [
  ...[
    "guest-exec",
    "guest-file-open",
    "guest-set-time",
    "guest-set-vcpus",
    "guest-set-memory-blocks",
  ],
  ...["guest-suspend-disk", "guest-suspend-ram", "guest-suspend-hybrid", "guest-fstrim"],
].join();

/** Sends bursts until there were as many inputs, or the time is over. */
async function harass(
  client: GuestAgentClient,
  { count, seconds, warmUp, inputsABurst, figures }: {
    readonly count: number;
    readonly seconds: number;
    readonly warmUp: number;
    readonly inputsABurst: number;
    readonly figures: () => Promise<ProcessFigures>;
  },
): Promise<string> {
  const inputs = new HostileInputs(randomNumbers(SEED));
  const slow = { timeoutMs: 120_000 };
  let end = performance.now() + seconds * 1000;
  let before: ProcessFigures | undefined;
  let sent = 0;
  let errors = 0;
  let replies = 0;
  for (let number = 0; sent < count && performance.now() < end; number++) {
    if (number === warmUp) {
      const asked = performance.now();
      before = await collectGarbage(client, figures);
      end += performance.now() - asked;
    }
    const next = Array.from({ length: Math.min(inputsABurst, count - sent) }, () => inputs.next());
    const outcome = await burst(client, next, number, slow);
    sent += next.length;
    replies += outcome.replies;
    errors += outcome.errors;
  }
  const after = await collectGarbage(client, figures);
  ok(replies > 0 && errors > 0);
  if (before !== undefined) assertNoGrowth(before, after);
  const start = before === undefined ? "" : `${describeFigures(before)} after the warm-up, `;
  return `${sent} inputs, ${replies} replies, ${errors} of them errors; ${start}` +
    `${describeFigures(after)} at the end`;
}

Deno.test("hostile bytes on a unix socket get replies alone, and nothing grows", async () => {
  console.log(`HOSTILE_SEED=${SEED}`);
  const directory = await Deno.makeTempDir();
  await Deno.mkdir(`${directory}/root`);
  await using agent = await RunningAgent.startIn(
    directory,
    [
      ...["--block-rpcs", BLOCKED, "--statedir", directory, "--path-rootfs", `${directory}/root`],
      // So that the frozen state has its share, and ends.
      ...["--fsfreeze-allow-empty", "--fsfreeze-timeout", "1s", "--log-level", "error"],
    ],
    {},
    // An audit line for each of a million guest-shutdown is too much to keep.
    ["sh", "-c", 'exec "$0" "$@" 2>/dev/null', EXECUTABLE],
  );
  await using client = await agent.client();
  const figures = () => Promise.resolve(readFigures(agent.pid));
  console.log(
    "on a unix socket:",
    await harass(client, {
      count: COUNT,
      seconds: SECONDS,
      warmUp: WARM_UP,
      inputsABurst: INPUTS_A_BURST,
      figures,
    }),
  );
});

Deno.test("hostile bytes on a virtio-serial port get replies alone, and nothing grows", async () => {
  console.log(`HOSTILE_SEED=${SEED}`);
  await using guest = await Guest.boot({
    programs: { "/bin/qemu-ga-talos": EXECUTABLE },
    agentCommand: `/bin/qemu-ga-talos --log-level error --block-rpcs ${BLOCKED}`,
  });
  await using client = await guest.agent();
  await client.sync({ timeoutMs: 60_000 });
  const figures = async () => {
    const { stdout } = await guest.run(
      "p=$(cat /run/agent.pid); ls /proc/$p/fd | wc -l; cat /proc/$p/status",
      { timeoutMs: 30_000 },
    );
    return figuresOf(stdout, Number.parseInt(stdout, 10));
  };
  console.log(
    "on a virtio-serial port:",
    await harass(client, {
      count: VM_COUNT,
      seconds: VM_SECONDS,
      warmUp: VM_WARM_UP,
      inputsABurst: INPUTS_A_BURST / 4,
      figures,
    }),
  );
});
