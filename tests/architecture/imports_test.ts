import { deepEqual, equal, ok } from "node:assert/strict";
import { findCircle, readImports, roomOf } from "./imports.ts";

/**
 * What each room of the agent may import, one way: docs/architecture.md draws it. A new arrow is a decision: it
 * goes in here, and there. Beside the rooms every module may import those that lie in `agent/` itself.
 */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  cli: [
    ...["activity", "channel", "check", "commands", "config", "daemon", "freeze", "host", "linux"],
    ...["log", "memory", "protocol", "talos"],
  ],
  check: ["activity", "channel", "config", "freeze", "host", "linux", "protocol", "talos"],
  daemon: [
    ...[
      "activity",
      "channel",
      "commands",
      "config",
      "freeze",
      "guest",
      "host",
      "http",
      "kubernetes",
    ],
    ...["linux", "log", "memory", "protocol", "talos"],
  ],
  commands: ["freeze", "guest", "host", "linux", "protocol", "talos"],
  http: ["activity", "config", "linux", "log", "metrics"],
  kubernetes: ["activity", "log", "talos"],
  metrics: ["activity", "linux"],
  channel: ["activity", "linux", "log", "protocol"],
  talos: ["activity", "log"],
  freeze: ["activity", "linux", "log"],
  guest: ["config", "linux", "log", "memory"],
  host: ["linux"],
  protocol: ["activity", "log", "memory"],
  activity: ["log"],
  memory: [],
  config: [],
  log: [],
  linux: [],
};

Deno.test("no module imports itself by way of others", async () => {
  equal(findCircle(await readImports()), undefined);
});

Deno.test("each room imports what it may, and nothing that is allowed is unused", async () => {
  const used = new Map<string, Set<string>>();
  for (const [module, imported] of await readImports()) {
    const room = roomOf(module);
    if (room === undefined) continue;
    ok(room in ROOMS, `${room} is not a room of the table`);
    for (const each of imported) {
      const other = roomOf(each);
      if (other === undefined || other === room) continue;
      ok(ROOMS[room]?.includes(other), `${module} imports ${each}: ${room} may not know ${other}`);
      used.set(room, (used.get(room) ?? new Set()).add(other));
    }
  }
  for (const [room, allowed] of Object.entries(ROOMS)) {
    deepEqual([...used.get(room) ?? []].sort(), allowed.toSorted(), room);
  }
});

Deno.test("the rooms are in layers", () => {
  equal(findCircle(new Map(Object.entries(ROOMS))), undefined);
});
