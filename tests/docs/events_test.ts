import { deepEqual } from "node:assert/strict";
import type { Activity } from "../../agent/activity/activity.ts";
import { THAW_REASONS } from "../../agent/activity/thaw_reason.ts";
import { COMMANDS } from "../../agent/commands/all.ts";
import { NodeNotices } from "../../agent/kubernetes/node_notices.ts";
import { isAudited } from "../../agent/protocol/command.ts";
import { PROJECT } from "../harness/project.ts";
import { until } from "../harness/until.ts";

const PAGE = await Deno.readTextFile(`${PROJECT}/docs/reference/events.md`);

/** One of each kind that can lead to an Event. */
const ACTIVITIES: readonly Activity[] = [
  ...(["shutdown", "reboot"] as const).flatMap((action) =>
    (["accepted", "failed", "repeated"] as const).flatMap((outcome) =>
      [false, action === "shutdown"].map((forced): Activity => ({
        ...{ kind: "power", requested: true, action, forced, outcome },
        ...{ code: undefined, error: undefined, seconds: 0 },
      }))
    )
  ),
  { kind: "freeze-state", state: "frozen", count: 1 },
  ...THAW_REASONS.map((reason): Activity => ({ kind: "thaw", reason, count: 1, frozenSeconds: 1 })),
  { kind: "thaw-failed", reason: "timer", error: "" },
  ...(["absent", "busy", "waiting", "connected", "not-a-guest"] as const).map((
    state,
  ): Activity => ({
    ...{ kind: "port", state, path: undefined, reason: undefined },
  })),
  { kind: "credentials", source: "talosconfig", expires: 0, error: undefined },
  { kind: "credentials", source: "talosconfig", expires: undefined, error: "unreadable" },
];

Deno.test("the reasons of Events that are documented are those that are sent, with their type", async () => {
  const documented = Array.from(
    PAGE.matchAll(/^\| `([A-Z]\w+)` +\| (Normal|Warning) +\|/gm),
    ([, reason, type]) => `${reason} ${type}`,
  );
  const sent = new Set<string>();
  await using stack = new AsyncDisposableStack();
  for (const activity of ACTIVITIES) {
    const notices = stack.use(
      new NodeNotices({
        ...{ longFreezeMs: 0, portPatienceMs: 0 },
        send: ({ reason, type }) => void sent.add(`${reason} ${type}`),
      }),
    );
    notices.take(activity);
  }
  await until(
    "each documented reason is sent",
    () => Promise.resolve(sent.size >= documented.length || undefined),
  );
  deepEqual([...sent].sort(), documented.toSorted());
});

Deno.test("the commands that are documented as audited are those that are", () => {
  const paragraph = /^Audited are [^]*?\n\n/m.exec(PAGE)?.[0] ?? "";
  const documented = paragraph.match(/\bguest-[a-z-]*[a-z]\b/g) ?? [];
  const audited = COMMANDS.filter(isAudited).map(({ name }) => name);
  deepEqual(documented.toSorted(), audited.toSorted());
});
