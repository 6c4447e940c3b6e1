import { freePort } from "../tests/harness/free_port.ts";
import { TwoAgents } from "../tests/conformance/two_agents.ts";
import { FreezeGuest } from "../tests/harness/qemu/freeze_guest.ts";
import { FreezeTrace } from "../tests/harness/qemu/freeze_trace.ts";
import { startTalosApi } from "../tests/harness/qemu/talos_guest.ts";
import { httpReady } from "./http_ready.ts";
import { measuredRow, median, type Row } from "./row.ts";

const FREEZES = 9;
const PAUSE_MS = 2;
const PINGS = 50;
const DIRTY_MIB = 48;

/**
 * How long the agent does nothing else while it freezes two file systems of this machine's memory: the
 * longest wait for an answer over HTTP.
 */
export async function eventLoopRow(): Promise<Row> {
  const address = `127.0.0.1:${freePort()}`;
  await using agents = await TwoAgents.start(["--listen-address", address]);
  await using client = await agents.connect("ours");
  const url = `http://${address}/livez`;
  await httpReady(url);
  const gaps: number[] = [];
  for (let count = 0; count < FREEZES; count++) {
    const stop = new AbortController();
    const asking = longestWait(url, stop.signal);
    await client.send('{"execute":"guest-fsfreeze-freeze"}\n');
    const reply = await client.receiveLine();
    if (reply !== '{"return": 2}') throw new Error(`the freeze was answered by ${reply}`);
    await client.send('{"execute":"guest-fsfreeze-thaw"}\n');
    await client.receiveLine();
    stop.abort();
    gaps.push(await asking);
  }
  return measuredRow({
    what: "event loop gap during a freeze",
    unit: "ms",
    ours: median(gaps),
    must: { most: 20 },
  });
}

async function longestWait(url: string, signal: AbortSignal): Promise<number> {
  let longest = 0;
  while (!signal.aborted) {
    const asked = performance.now();
    await (await fetch(url)).text();
    longest = Math.max(longest, performance.now() - asked);
    // The agent takes 100 connections in a tenth of a second.
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  return longest;
}

/** Pings of a client that has given a freeze up, while the kernel writes to a slow disk. */
export async function pingWhileFreezingRow(): Promise<Row> {
  await using api = await startTalosApi();
  await using node = await FreezeGuest.boot(api);
  await using agent = await node.guest.agent();
  await agent.sync({ timeoutMs: 30_000 });
  await node.dirtySlowDisk(DIRTY_MIB);
  await node.trace.clear();
  await agent.request("guest-fsfreeze-freeze");
  // The third is the beginning of the freeze that has to write all that.
  await node.run(`${FreezeTrace.waitCommand(3)}; sleep 1`);
  await agent.sync({ timeoutMs: 30_000 });
  const times: number[] = [];
  for (let count = 0; count < PINGS; count++) {
    const asked = performance.now();
    await agent.execute("guest-ping");
    times.push(performance.now() - asked);
  }
  const { calls } = await node.trace.read();
  if (calls[1]?.ended !== undefined) throw new Error("the freeze was over before the pings");
  await agent.execute("guest-fsfreeze-thaw", undefined, { timeoutMs: 30_000 });
  return measuredRow({
    what: `slowest of ${PINGS} pings while a freeze lasts, VM`,
    unit: "ms",
    ours: Math.max(...times),
    must: { most: 50 },
  });
}
