// Measures agents in the namespaces in which it runs, which it fills; see `scaleRows`.
import { freePort } from "../tests/harness/free_port.ts";
import { MemoryCgroup } from "../tests/memory/memory_cgroup.ts";
import { TemporaryDirectory } from "../tests/harness/temporary_directory.ts";
import { BlockingClient } from "./blocking_client.ts";
import type { Exchange } from "./exchange_worker.ts";
import { httpReady } from "./http_ready.ts";
import { LocalAgent } from "./local_agent.ts";
import { RawClient } from "./raw_client.ts";
import { measuredRow, median, type Row, skippedRow } from "./row.ts";

const COMMANDS = [
  ["guest-get-fsinfo", "1,500 mounts"],
  ["guest-network-get-interfaces", "250 pairs of veth"],
  ["guest-network-get-route", "2,000 routes"],
] as const;
const MEBIBYTE = 1024 * 1024;
/** The chart's limit, which decides how much of a request is taken. */
const LIMIT_MIB = 64;
const manyOf = (count: number, text: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => text(index)).join();
/** Each is read whole: the arguments of a ping are refused, an id comes back. */
const LARGE_REQUESTS = [
  [
    "7 MiB full of escapes",
    `{"execute":"guest-ping","arguments":{"text":"${"\\n\\u00e9x".repeat(7 * MEBIBYTE / 9)}"}}\n`,
  ],
  ["7 MiB as an id", `{"execute":"guest-ping","id":"${"x".repeat(7 * MEBIBYTE)}"}\n`],
  [
    "8,000 names",
    `{"execute":"guest-ping","arguments":{${manyOf(8_000, (index) => `"name${index}":1`)}}}\n`,
  ],
  ["16,000 numbers as an id", `{"execute":"guest-ping","id":[${manyOf(16_000, String)}]}\n`],
  [
    "3,000 memory blocks that there are not",
    `{"execute":"guest-set-memory-blocks","arguments":{"mem-blks":[${
      manyOf(3_000, (index) => `{"phys-index":${1_000_000 + index},"online":true}`)
    }]}}\n`,
  ],
] as const;
const ROUNDS = 60;
const LOOP_ROUNDS = 9;
const PAUSE_MS = 1;

async function run(program: string, ...programArguments: string[]): Promise<void> {
  const { success } = await new Deno.Command(program, { args: programArguments }).spawn().status;
  if (!success) throw new Error(`${program} ${programArguments.join(" ")} has failed`);
}

/** Starts one, and waits until it listens. */
async function start(
  program: string,
  options: readonly string[] = [],
  environment: Readonly<Record<string, string>> = {},
): Promise<LocalAgent> {
  const agent = await LocalAgent.start(program, options, environment);
  using client = await RawClient.connect(agent.socket);
  await client.firstSync();
  return agent;
}

/** The times of all commands, taken in turns. */
function measureTimes(ours: BlockingClient, peer: BlockingClient): readonly Row[] {
  return COMMANDS.map(([command, amount]) => {
    const our: number[] = [];
    const their: number[] = [];
    const what = `${command}, ${amount}`;
    if (peer.ask(command).text.includes("CommandNotFound")) {
      return skippedRow(what, "qemu-ga has it since 9.1: name such a one with QEMU_GA");
    }
    for (let round = 0; round < ROUNDS; round++) {
      our.push(ours.ask(command).milliseconds);
      their.push(peer.ask(command).milliseconds);
    }
    return measuredRow({
      what,
      unit: "ms",
      ours: median(our),
      peer: median(their),
      peerName: "qemu-ga",
      must: { times: 1 },
    });
  });
}

/** The longest wait for an answer over HTTP while a request is read, run and answered, in milliseconds. */
async function measureLoop(
  agent: LocalAgent,
  url: string,
  request: string,
): Promise<number> {
  const exchange: Exchange = {
    socket: agent.socket,
    request: new TextEncoder().encode(request),
  };
  const worker = new Worker(import.meta.resolve("./exchange_worker.ts"), { type: "module" });
  try {
    const waits: number[] = [];
    // The first round loads the worker.
    for (let round = 0; round <= LOOP_ROUNDS; round++) {
      const { promise: answered, resolve, reject } = Promise.withResolvers<void>();
      let isAnswered = false;
      worker.onmessage = () => {
        isAnswered = true;
        resolve();
      };
      worker.onerror = ({ message }) => reject(new Error(message));
      worker.postMessage(exchange);
      let longest = 0;
      while (!isAnswered) {
        const asked = performance.now();
        await (await fetch(url)).text();
        longest = Math.max(longest, performance.now() - asked);
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
      }
      await answered;
      if (round > 0) waits.push(longest);
    }
    return median(waits);
  } finally {
    worker.terminate();
  }
}

async function measure(ours: string, peer: string): Promise<readonly Row[]> {
  await using directory = await TemporaryDirectory.create();
  await run("ip", "link", "set", "lo", "up");
  await using ourAgent = await start(ours);
  await using peerAgent = await start(peer);
  const address = `127.0.0.1:${freePort()}`;
  using cgroup = MemoryCgroup.create(LIMIT_MIB);
  await using watchedAgent = await start("bench/in_cgroup", ["--listen-address", address], {
    AGENT: ours,
    CGROUP_PROCS: cgroup.procs,
  });
  const url = `http://${address}/livez`;
  await httpReady(url);
  using ourClient = new BlockingClient(ourAgent.socket);
  using peerClient = new BlockingClient(peerAgent.socket);
  // The code of the commands is loaded on an empty node, too.
  for (const [command] of COMMANDS) {
    for (let round = 0; round < ROUNDS; round++) ourClient.ask(command);
  }
  const before = await ourAgent.memoryMiB("VmRSS");
  const grown = async (what: string): Promise<Row> =>
    measuredRow({
      what: `RSS over that of an empty node, ${what}`,
      unit: "MiB",
      ours: await ourAgent.memoryMiB("VmRSS") - before,
      must: { most: 4 },
    });
  await run("bench/crowd", directory.path, "node");
  try {
    const rows: Row[] = [...measureTimes(ourClient, peerClient), await grown("after these")];
    for (const [command, amount] of COMMANDS) {
      rows.push(measuredRow({
        what: `event loop during ${command}, ${amount}`,
        unit: "ms",
        ours: await measureLoop(watchedAgent, url, `{"execute":"${command}"}\n`),
        must: { most: 20 },
      }));
    }
    for (const [what, request] of LARGE_REQUESTS) {
      rows.push(measuredRow({
        what: `event loop during a request of ${what}`,
        unit: "ms",
        ours: await measureLoop(watchedAgent, url, request),
        must: { most: 20 },
      }));
    }
    await run("bench/crowd", directory.path, "more");
    for (const [command] of COMMANDS) {
      for (let round = 0; round < LOOP_ROUNDS; round++) ourClient.ask(command);
    }
    return [...rows, await grown("6,000 mounts, 20,000 routes")];
  } finally {
    // With all that was mounted in it.
    await run("umount", "--lazy", `${directory.path}/mounts`);
  }
}

const [ours, peer] = Deno.args;
if (ours === undefined || peer === undefined) throw new Error("usage: scale.ts OURS QEMU_GA");
console.log(JSON.stringify(await measure(ours, peer)));
