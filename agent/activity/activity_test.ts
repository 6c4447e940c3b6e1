import assert from "node:assert/strict";
import { type Activity, ActivityFeed } from "./activity.ts";
import { jsonLog, silentLog } from "../log/log.ts";

const PARSE_ERROR: Activity = { kind: "parse-error" };

function received(bytes: number): Activity {
  return { kind: "received", bytes };
}

Deno.test("subscribers are told in their order until they leave", () => {
  const feed = new ActivityFeed(silentLog);
  const told: [string, Activity][] = [];
  {
    using _first = feed.subscribe((activity) => told.push(["first", activity]));
    using _second = feed.subscribe((activity) => told.push(["second", activity]));
    feed.publish(PARSE_ERROR);
  }
  feed.publish(received(1));
  assert.deepEqual(told, [["first", PARSE_ERROR], ["second", PARSE_ERROR]]);
});

Deno.test("a late subscriber is told of the start, until the start is over; so much is kept, no more", () => {
  const feed = new ActivityFeed(silentLog);
  for (let bytes = 0; bytes < 2_000; bytes++) feed.publish(received(bytes));
  const late: Activity[] = [];
  using _late = feed.subscribe((activity) => late.push(activity));
  assert.equal(late.length, 1_000);
  assert.deepEqual(late[0], received(0));
  feed.startIsOver();
  const later: Activity[] = [];
  using _later = feed.subscribe((activity) => later.push(activity));
  assert.deepEqual(later, []);
  feed.publish(PARSE_ERROR);
  assert.deepEqual([late.at(-1), later], [PARSE_ERROR, [PARSE_ERROR]]);
});

Deno.test("a listener that throws is logged, and hurts neither the publisher nor the others", () => {
  const lines: string[] = [];
  const feed = new ActivityFeed(jsonLog((line) => lines.push(line)));
  using _bad = feed.subscribe(() => {
    throw new Error("it broke");
  });
  const told: Activity[] = [];
  using _good = feed.subscribe((activity) => told.push(activity));
  feed.publish(PARSE_ERROR);
  assert.deepEqual(told, [PARSE_ERROR]);
  assert.match(lines.join(""), /"level":"error".*"activity":"parse-error","error":"it broke"/);
});

Deno.test("a listener that unsubscribes while it is told does not keep others from being told", () => {
  const feed = new ActivityFeed(silentLog);
  const told: string[] = [];
  const first = feed.subscribe(() => {
    told.push("first");
    first[Symbol.dispose]();
  });
  using _second = feed.subscribe(() => told.push("second"));
  feed.publish(PARSE_ERROR);
  feed.publish(PARSE_ERROR);
  assert.deepEqual(told, ["first", "second", "second"]);
});
