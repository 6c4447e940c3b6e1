import { LocalAgent } from "./local_agent.ts";
import { interleavedPings, RawClient } from "./raw_client.ts";
import { measuredRow, median, type Row } from "./row.ts";

const MIB = 1024 * 1024;
const PEER = { peerName: "qemu-ga" };

/** Pings over a unix socket, and what the agents hold of the memory after them. */
export async function pingRows(ours: string, peer: string): Promise<readonly Row[]> {
  await using ourAgent = await LocalAgent.start(ours);
  await using peerAgent = await LocalAgent.start(peer);
  using ourClient = await RawClient.connect(ourAgent.socket);
  using peerClient = await RawClient.connect(peerAgent.socket);
  await ourClient.firstSync();
  await peerClient.firstSync();
  const [ourTimes, peerTimes] = await interleavedPings([ourClient, peerClient], 1000);
  return [
    measuredRow({
      what: "guest-ping, unix socket",
      unit: "µs",
      ours: 1000 * median(ourTimes),
      peer: 1000 * median(peerTimes),
      ...PEER,
      must: { times: 1 },
    }),
    measuredRow({
      what: "RSS after 1000 pings",
      unit: "MiB",
      ours: await ourAgent.memoryMiB("VmRSS"),
      peer: await peerAgent.memoryMiB("VmRSS"),
      ...PEER,
      must: { most: 54 },
    }),
    measuredRow({
      what: "anonymous RSS after them",
      unit: "MiB",
      ours: await ourAgent.memoryMiB("RssAnon"),
      peer: await peerAgent.memoryMiB("RssAnon"),
      ...PEER,
      must: { most: 22 },
    }),
  ];
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
