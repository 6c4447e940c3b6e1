import assert from "node:assert/strict";
import type { Activity } from "../activity/activity.ts";
import { type NodeNotice, NodeNotices, type NodeNoticesOptions } from "./node_notices.ts";

/** Notices, and a way to wait for the next of those that a timer brings. */
class Recorder implements Disposable {
  readonly notices: NodeNotice[] = [];
  readonly under: NodeNotices;
  #next = Promise.withResolvers<NodeNotice>();

  constructor(options: Omit<NodeNoticesOptions, "send"> = {}) {
    this.under = new NodeNotices({
      longFreezeMs: 1,
      portPatienceMs: 1,
      ...options,
      send: (notice) => {
        this.notices.push(notice);
        this.#next.resolve(notice);
      },
    });
  }

  get reasons(): string[] {
    return this.notices.map(({ reason }) => reason);
  }

  take(...activities: Activity[]): void {
    for (const activity of activities) this.under.take(activity);
  }

  async next(): Promise<NodeNotice> {
    const notice = await this.#next.promise;
    this.#next = Promise.withResolvers();
    return notice;
  }

  [Symbol.dispose](): void {
    this.under[Symbol.dispose]();
  }
}

const POWER = {
  kind: "power",
  requested: true,
  action: "shutdown",
  forced: false,
  outcome: "accepted",
  code: "OK",
  error: undefined,
  seconds: 0.02,
} as const;

const PORT = { kind: "port", path: "/dev/vport1p1", reason: undefined } as const;

const CREDENTIALS = { kind: "credentials", source: "talosconfig", error: undefined } as const;

Deno.test("power actions: accepted, forced, failed, and not a repeated one", () => {
  using recorder = new Recorder();
  recorder.take(
    POWER,
    { ...POWER, outcome: "repeated" },
    { ...POWER, forced: true },
    { ...POWER, action: "reboot" },
    { ...POWER, action: "reboot", outcome: "failed", error: "PERMISSION_DENIED (7)" },
  );
  assert.deepEqual(
    recorder.notices.map(({ type, reason, action }) => [type, reason, action]),
    [
      ["Normal", "ShutdownRequested", "Shutdown"],
      ["Normal", "ShutdownForced", "Shutdown"],
      ["Normal", "RebootRequested", "Reboot"],
      ["Warning", "RebootFailed", "Reboot"],
    ],
  );
  assert.match(recorder.notices.at(-1)?.note ?? "", /PERMISSION_DENIED/);
});

Deno.test("the same is told once in a minute", () => {
  let now = 0;
  using recorder = new Recorder({ now: () => now });
  const failed = { ...POWER, outcome: "failed", error: "UNAVAILABLE (14)" } as const;
  for (let i = 0; i < 1000; i++) recorder.take(failed);
  now += 60_000;
  recorder.take(failed);
  assert.deepEqual(recorder.reasons, ["ShutdownFailed", "ShutdownFailed"]);
});

Deno.test("a freeze is told when it lasts, with how many file systems it holds", async () => {
  using recorder = new Recorder();
  recorder.take(
    { kind: "freeze-state", state: "freezing", count: 0 },
    { kind: "freeze-state", state: "frozen", count: 3 },
  );
  const { type, reason, note } = await recorder.next();
  assert.deepEqual([type, reason], ["Warning", "FrozenTooLong"]);
  assert.match(note, /^3 file systems/);
});

Deno.test("a freeze that is thawed in time leaves no timer and no notice", () => {
  using recorder = new Recorder({ longFreezeMs: 3_600_000 });
  recorder.take(
    { kind: "freeze-state", state: "frozen", count: 3 },
    { kind: "freeze-state", state: "thawed", count: 0 },
    { kind: "thaw", reason: "command", count: 3, frozenSeconds: 1 },
  );
  assert.deepEqual(recorder.notices, []);
});

Deno.test("a thaw is told when no command asked for it", () => {
  for (const reason of ["timer", "start", "signal"] as const) {
    using recorder = new Recorder();
    recorder.take({ kind: "thaw", reason, count: 2, frozenSeconds: 60.4 });
    assert.deepEqual(recorder.reasons, ["ThawedByAgent"]);
    assert.match(recorder.notices[0]?.note ?? "", /^2 file systems were thawed after 60 s, /);
  }
});

Deno.test("a thaw that fails is told", () => {
  using recorder = new Recorder();
  recorder.take({ kind: "thaw-failed", reason: "timer", error: "/var: Input/output error" });
  assert.deepEqual(recorder.reasons, ["ThawFailed"]);
});

Deno.test("a port that stays away is told with the reason", async () => {
  for (const [state, expected] of [["absent", "PortAbsent"], ["busy", "PortBusy"]] as const) {
    using recorder = new Recorder();
    recorder.take({ ...PORT, state, reason: "there is no such port" });
    const { reason, note } = await recorder.next();
    assert.equal(reason, expected);
    assert.match(note, /there is no such port/);
  }
});

Deno.test("a port that comes soon is not told", () => {
  using recorder = new Recorder({ portPatienceMs: 3_600_000 });
  recorder.take({ ...PORT, state: "absent", reason: "x" }, { ...PORT, state: "waiting" });
  assert.deepEqual(recorder.notices, []);
});

Deno.test("credentials are told when they are about to expire, each certificate once", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  const inHours = (hours: number) => now / 1000 + hours * 3600;
  const reasonsFor = (source: "talosconfig" | "serviceAccount", ...hours: number[]) => {
    using recorder = new Recorder({ now: () => now });
    for (const left of hours) {
      recorder.take({ ...CREDENTIALS, source, expires: inHours(left) });
    }
    return recorder.reasons;
  };
  assert.deepEqual(reasonsFor("talosconfig", 24 * 30), []);
  assert.deepEqual(reasonsFor("talosconfig", 24 * 6, 24 * 6), ["CredentialsExpire"]);
  // Talos renews these an hour before their end.
  assert.deepEqual(reasonsFor("serviceAccount", 6, 1), []);
  assert.deepEqual(reasonsFor("serviceAccount", 0.4), ["CredentialsExpire"]);
  assert.deepEqual(reasonsFor("serviceAccount", -1), ["CredentialsExpire"]);
});

Deno.test("credentials that cannot be read are told when the reason changes", () => {
  let now = 0;
  using recorder = new Recorder({ now: () => now });
  const unusable = (error: string | undefined): Activity => {
    return { ...CREDENTIALS, expires: undefined, error };
  };
  recorder.take(unusable("no such file"), unusable("no such file"), unusable(undefined));
  now += 3_600_000;
  recorder.take(unusable(undefined), unusable("no key in it"));
  assert.deepEqual(recorder.reasons, ["CredentialsUnusable", "CredentialsUnusable"]);
});

Deno.test("a machine that is no guest misses no port, and one that goes is told", async () => {
  using recorder = new Recorder();
  recorder.take({ ...PORT, state: "absent", reason: "x" });
  recorder.take({ ...PORT, state: "not-a-guest", reason: "this machine is no QEMU guest" });
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(recorder.notices, []);
  recorder.take({ ...PORT, state: "busy", reason: "another agent has it" });
  assert.equal((await recorder.next()).reason, "PortBusy");
});
