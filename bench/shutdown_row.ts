import { findRealapid, Realapid } from "../tests/harness/talos/realapid.ts";
import { LocalAgent } from "./local_agent.ts";
import { RawClient } from "./raw_client.ts";
import { measuredRow, median, type Row, skippedRow } from "./row.ts";

const WHAT = "guest-shutdown until Talos accepts it";
const RUNS = 5;
/** In which a fresh agent comes to rest, as the one of a machine that is up. */
const REST_MS = 300;

/**
 * From the request to Talos' answer to it. A shutdown has no answer of its own, so a ping follows
 * it at once, which is answered when the shutdown was accepted.
 */
export async function shutdownRow(ours: string): Promise<Row> {
  try {
    await findRealapid();
  } catch (error) {
    return skippedRow(WHAT, error instanceof Error ? error.message : String(error));
  }
  await using api = await Realapid.start();
  const times: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    times.push(await acceptanceTime(ours, api));
    const calls = await api.calls.waitFor(run + 1);
    if (calls[run]?.method !== "Shutdown") throw new Error(`Talos got ${api.calls.methods}`);
  }
  return measuredRow({
    what: WHAT,
    unit: "ms",
    ours: median(times),
    must: { most: 25 },
    note: `${RUNS} runs of a fresh agent each, in ms: ${times.map((ms) => ms.toFixed(1))}`,
  });
}

/** A second shutdown would not be sent while one is under way: each takes an agent of its own. */
async function acceptanceTime(program: string, api: Realapid): Promise<number> {
  await using agent = await LocalAgent.start(program, [
    ...["--talosconfig", api.talosconfigPath("operator"), "--talos-endpoint", api.endpoint],
  ]);
  using client = await RawClient.connect(agent.socket);
  await client.firstSync();
  await new Promise((resolve) => setTimeout(resolve, REST_MS));
  const start = performance.now();
  await client.send('{"execute":"guest-shutdown"}\n{"execute":"guest-ping"}\n');
  const reply = await client.receiveLine();
  const milliseconds = performance.now() - start;
  if (reply !== '{"return": {}}') throw new Error(`guest-shutdown was answered by ${reply}`);
  return milliseconds;
}
