import assert from "node:assert/strict";
import type { Activity, PortState } from "../activity/activity.ts";
import { Readiness, readinessPage } from "./readiness.ts";

const BOTH = ["port", "credentials"] as const;

function port(state: PortState, reason?: string): Activity {
  return { kind: "port", state, path: "/dev/vport0p1", reason };
}

Deno.test("the agent is ready when it has the port open and serves it", async () => {
  let ended = false;
  const readiness = new Readiness({
    counting: BOTH,
    portLoopEnded: () => ended,
    checkCredentials: undefined,
  });
  const states = async () => (await readiness.conditions()).map(({ name, ok }) => [name, ok]);
  assert.deepEqual(await states(), [["port", false], ["serving", true]]);
  for (
    const [state, ok] of [
      ["waiting", true],
      ["connected", true],
      ["busy", false],
      ["absent", false],
    ] as const
  ) {
    readiness.take(port(state, ok ? undefined : "another agent has it"));
    assert.deepEqual(await states(), [["port", ok], ["serving", true]]);
  }
  assert.equal((await readiness.conditions())[0]?.reason, "another agent has it");
  ended = true;
  assert.deepEqual((await states())[1], ["serving", false]);
});

Deno.test("being frozen changes nothing", async () => {
  const readiness = new Readiness({
    counting: BOTH,
    portLoopEnded: () => false,
    checkCredentials: undefined,
  });
  readiness.take(port("connected"));
  readiness.take({ kind: "freeze-state", state: "frozen", count: 2 });
  assert.ok((await readiness.conditions()).every(({ ok }) => ok));
});

Deno.test("credentials that are configured must be usable; they are looked at now and then", async () => {
  let now = 0;
  let looks = 0;
  let fault: string | undefined = "it has expired";
  const readiness = new Readiness({
    counting: BOTH,
    portLoopEnded: () => false,
    checkCredentials: () => {
      looks++;
      return Promise.resolve(fault);
    },
    monotonicNow: () => now,
  });
  const credentials = async () => (await readiness.conditions())[2];
  const [first, second] = await Promise.all([credentials(), credentials()]);
  assert.deepEqual(first, {
    name: "credentials",
    ok: false,
    counts: true,
    reason: "it has expired",
  });
  assert.deepEqual(second, first);
  fault = undefined;
  now = 29_999;
  assert.equal((await credentials())?.ok, false);
  assert.equal(looks, 1);
  now = 30_000;
  assert.equal((await credentials())?.ok, true);
});

Deno.test("a look that fails is a fault", async () => {
  const readiness = new Readiness({
    counting: BOTH,
    portLoopEnded: () => false,
    checkCredentials: () => Promise.reject(new Error("it broke")),
  });
  assert.deepEqual((await readiness.conditions())[2]?.reason, "it broke");
});

Deno.test("the page is a line, or JSON with each condition", () => {
  const good = {
    name: "serving",
    ok: true,
    counts: true,
    reason: "requests are answered",
  } as const;
  const bad = { name: "port", ok: false, counts: true, reason: "it is not there" } as const;
  assert.deepEqual(readinessPage([good], false), {
    status: 200,
    type: "text/plain; charset=utf-8",
    body: "ready\n",
  });
  const line = readinessPage([bad, good], false);
  assert.deepEqual([line.status, line.body], [503, "port: it is not there\n"]);
  const verbose = readinessPage([bad, good], true);
  assert.deepEqual([verbose.status, verbose.type], [503, "application/json"]);
  assert.deepEqual(JSON.parse(verbose.body), { ready: false, conditions: [bad, good] });
});

Deno.test("what does not count is told all the same", async () => {
  const readiness = new Readiness({
    counting: [],
    portLoopEnded: () => false,
    checkCredentials: () => Promise.resolve("it has expired"),
  });
  readiness.take(port("absent", "it is not there"));
  const conditions = await readiness.conditions();
  assert.deepEqual(conditions.map(({ name, ok, counts }) => [name, ok, counts]), [
    ["port", false, false],
    ["serving", true, true],
    ["credentials", false, false],
  ]);
  const line = readinessPage(conditions, false);
  assert.deepEqual([line.status, line.body], [
    200,
    "ready; port does not count: it is not there; credentials does not count: it has expired\n",
  ]);
  const verbose = readinessPage(conditions, true);
  assert.deepEqual([verbose.status, JSON.parse(verbose.body)], [200, { ready: true, conditions }]);
});

Deno.test("each condition counts for itself", async () => {
  for (const [counting, status] of [[["port"], 200], [["credentials"], 503]] as const) {
    const readiness = new Readiness({
      counting,
      portLoopEnded: () => false,
      checkCredentials: () => Promise.resolve("it has expired"),
    });
    readiness.take(port("waiting"));
    assert.equal(readinessPage(await readiness.conditions(), false).status, status);
  }
});

Deno.test("an agent whose port loop has ended is never ready", async () => {
  const readiness = new Readiness({
    counting: [],
    portLoopEnded: () => true,
    checkCredentials: undefined,
  });
  assert.equal(readinessPage(await readiness.conditions(), false).status, 503);
});

Deno.test("a machine that is no guest needs no port, and one that appears counts", async () => {
  const readiness = new Readiness({
    counting: BOTH,
    portLoopEnded: () => false,
    checkCredentials: undefined,
  });
  const page = async () => readinessPage(await readiness.conditions(), false);
  readiness.take(port("not-a-guest", "this machine is no QEMU guest (bare metal)"));
  assert.deepEqual(await page(), {
    status: 200,
    type: "text/plain; charset=utf-8",
    body: "ready; port does not count: this machine is no QEMU guest (bare metal)\n",
  });
  readiness.take(port("busy", "another agent has it"));
  assert.equal((await page()).status, 503);
  readiness.take(port("waiting"));
  assert.equal((await page()).body, "ready\n");
});
