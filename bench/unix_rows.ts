import { BlockingClient } from "./blocking_client.ts";
import { LocalAgent } from "./local_agent.ts";
import { interleavedPings, RawClient } from "./raw_client.ts";
import { measuredRow, median, type Row } from "./row.ts";

const MIB = 1024 * 1024;
const PEER = { peerName: "qemu-ga" };

/** Processes of each: where the scheduler puts one decides much. */
const ROUNDS = 5;

interface Measured {
  readonly times: number[];
  /** Of a client without an event loop, which writes and then blocks until it can read. */
  readonly blocking: number[];
  readonly rss: number[];
  readonly anonymous: number[];
}

/** Pings over a unix socket, and what the agents hold of the memory after them. */
export async function pingRows(ours: string, peer: string): Promise<readonly Row[]> {
  const our: Measured = { times: [], blocking: [], rss: [], anonymous: [] };
  const their: Measured = { times: [], blocking: [], rss: [], anonymous: [] };
  for (let round = 0; round < ROUNDS; round++) {
    await using ourAgent = await LocalAgent.start(ours);
    await using peerAgent = await LocalAgent.start(peer);
    await addPings(our, ourAgent, their, peerAgent);
    await addMemory(our, ourAgent);
    await addMemory(their, peerAgent);
    addBlockingPings([[our, ourAgent], [their, peerAgent]]);
  }
  return [
    measuredRow({
      what: `guest-ping, unix socket (${ROUNDS} x 1000)`,
      unit: "µs",
      ours: 1000 * median(our.times),
      peer: 1000 * median(their.times),
      ...PEER,
      must: { times: 1 },
    }),
    measuredRow({
      what: `the same, a client that blocks (${ROUNDS} x 1000)`,
      unit: "µs",
      ours: 1000 * median(our.blocking),
      peer: 1000 * median(their.blocking),
      ...PEER,
      must: {},
    }),
    // Most of it is the program's own pages, which the page cache has in any case.
    measuredRow({
      what: "RSS after 1000 pings",
      unit: "MiB",
      ours: median(our.rss),
      peer: median(their.rss),
      ...PEER,
      must: {},
    }),
    measuredRow({
      what: "anonymous RSS after them",
      unit: "MiB",
      ours: median(our.anonymous),
      peer: median(their.anonymous),
      ...PEER,
      must: { most: 22 },
    }),
  ];
}

async function addPings(
  our: Measured,
  ourAgent: LocalAgent,
  their: Measured,
  peerAgent: LocalAgent,
): Promise<void> {
  using ourClient = await RawClient.connect(ourAgent.socket);
  using peerClient = await RawClient.connect(peerAgent.socket);
  await ourClient.firstSync();
  await peerClient.firstSync();
  const [ourTimes, peerTimes] = await interleavedPings([ourClient, peerClient], 1000);
  our.times.push(...ourTimes);
  their.times.push(...peerTimes);
}

function addBlockingPings(agents: readonly (readonly [Measured, LocalAgent])[]): void {
  const clients = agents.map(([measured, agent]) => ({
    measured,
    client: new BlockingClient(agent.socket),
  }));
  for (let done = 0; done < 1000; done += 50) {
    for (const { measured, client } of clients) {
      for (let turn = 0; turn < 50; turn++) {
        measured.blocking.push(client.ask("guest-ping").milliseconds);
      }
    }
  }
  for (const { client } of clients) client[Symbol.dispose]();
}

async function addMemory(measured: Measured, agent: LocalAgent): Promise<void> {
  measured.rss.push(await agent.memoryMiB("VmRSS"));
  measured.anonymous.push(await agent.memoryMiB("RssAnon"));
}

/** A request of 1 MiB and its answer to a client that reads slowly, then a ping. */
export async function slowReaderRows(ours: string, peer: string): Promise<readonly Row[]> {
  const ourTimes = await slowReader(ours);
  const peerTimes = await slowReader(peer);
  return [
    measuredRow({
      what: "1 MiB there and back, slow reader",
      unit: "ms",
      ours: ourTimes.reply,
      peer: peerTimes.reply,
      ...PEER,
      must: {},
    }),
    measuredRow({
      what: "guest-ping after it",
      unit: "ms",
      ours: ourTimes.ping,
      peer: peerTimes.ping,
      ...PEER,
      must: { most: 5 },
    }),
  ];
}

async function slowReader(program: string): Promise<{ reply: number; ping: number }> {
  await using agent = await LocalAgent.start(program);
  using client = await RawClient.connect(agent.socket);
  await client.firstSync();
  const id = "x".repeat(MIB);
  const start = performance.now();
  await client.send(`{"execute":"guest-ping","id":"${id}"}\n`);
  const buffer = new Uint8Array(65536);
  const decoder = new TextDecoder();
  let line = "";
  while (!line.endsWith("\n")) {
    const count = await client.connection.read(buffer);
    if (count === null) throw new Error("the agent closed the connection within its answer");
    line += decoder.decode(buffer.subarray(0, count));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const reply = performance.now() - start;
  const { return: returned, id: returnedId } = JSON.parse(line);
  if (JSON.stringify(returned) !== "{}" || returnedId !== id) {
    throw new Error(`the answer is wrong: ${line.slice(0, 100)}`);
  }
  return { reply, ping: await client.ping() };
}
