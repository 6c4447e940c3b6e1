import { deepEqual } from "node:assert/strict";
import { readPhases } from "./phases.ts";

Deno.test("the phases that have ended are read from Talos' console, with how long they took", () => {
  const console = `[  100.1] [talos] shutdown sequence: 11 phase(s)
[  100.2] [talos] phase storeShutdown (1/11): done, 118.203008ms
[  100.3] [talos] phase drain (2/11): 1 tasks(s)
[  160.3] [talos] phase drain (2/11): done, 1m0.440357136s
[  160.4] [talos] phase cleanup (3/11): done, 12.5s
[  160.5] [talos] phase cleanup (4/11): 1 tasks(s)
`;
  deepEqual(readPhases(console), [
    { name: "storeShutdown", seconds: 0.118203008 },
    { name: "drain", seconds: 60.440357136 },
    { name: "cleanup", seconds: 12.5 },
  ]);
});
