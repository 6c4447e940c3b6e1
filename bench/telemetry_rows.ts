import { freePort } from "../tests/harness/free_port.ts";
import { createAuthority, issueServer } from "../tests/harness/talos/pki.ts";
import { TemporaryDirectory } from "../tests/harness/temporary_directory.ts";
import { httpReady } from "./http_ready.ts";
import { LocalAgent } from "./local_agent.ts";
import { RawClient } from "./raw_client.ts";
import { measuredRow, median, type Row } from "./row.ts";

const RUNS = 15;
const ROUNDS = 3;
const TURNS = 4;
/** They take a few hundred milliseconds. */
const PINGS = 5_000;
const SCRAPES = 100;
const SCRAPE_EVERY_MS = 100;
const PEER = { peerName: "without" };

/** What metrics, health and the HTTP server cost. */
export async function telemetryRows(ours: string): Promise<readonly Row[]> {
  return [...await memoryAndScrapeRows(ours), await startRow(ours), await scrapedPingRow(ours)];
}

async function startWithHttp(program: string): Promise<{ agent: LocalAgent; url: string }> {
  const address = `127.0.0.1:${freePort()}`;
  const agent = await LocalAgent.start(program, ["--listen-address", address]);
  return { agent, url: `http://${address}/metrics` };
}

/** Milliseconds that a scrape took. */
async function scrape(url: string): Promise<number> {
  const start = performance.now();
  const response = await fetch(url);
  const text = await response.text();
  if (!text.includes("qga_requests_total{")) throw new Error(`no metrics: ${text.slice(0, 100)}`);
  return performance.now() - start;
}

/** With an API server that takes an Event, of a shutdown that fails. */
async function memoryAndScrapeRows(program: string): Promise<readonly Row[]> {
  await using directory = await TemporaryDirectory.create();
  const authority = await createAuthority({ keyType: "ecdsa" });
  const identity = await issueServer(authority, { ips: ["127.0.0.1"] });
  const event = Promise.withResolvers<void>();
  await using server = Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    cert: identity.certificate,
    key: identity.key,
    onListen: () => {},
  }, async (request) => {
    await request.text();
    event.resolve();
    return Response.json({}, { status: 201 });
  });
  await directory.write("token", "token");
  await directory.write("ca.crt", authority.certificate);
  const address = `127.0.0.1:${freePort()}`;
  const options = ["--listen-address", address, "--kubernetes-events"];
  await using agent = await LocalAgent.start(
    "bench/in_pod",
    [...options, "--talosconfig", "/nonexistent"],
    {
      AGENT: await Deno.realPath(program),
      SERVICE_ACCOUNT: directory.path,
      KUBERNETES_SERVICE_HOST: "127.0.0.1",
      KUBERNETES_SERVICE_PORT: `${server.addr.port}`,
      NODE_NAME: "node",
    },
  );
  using client = await RawClient.connect(agent.socket);
  await client.firstSync();
  const url = `http://${address}/metrics`;
  await httpReady(url);
  await client.send('{"execute":"guest-shutdown"}\n');
  await client.receiveLine();
  await event.promise;
  for (let request = 0; request < 1_000; request++) await client.ping();
  const times: number[] = [];
  for (let count = 0; count < SCRAPES; count++) times.push(await scrape(url));
  return [
    measuredRow({
      what: "RSS with HTTP, Events, 1000 requests, 100 scrapes",
      unit: "MiB",
      ours: await agent.memoryMiB("VmRSS"),
      must: {},
    }),
    measuredRow({
      what: "anonymous RSS of it",
      unit: "MiB",
      ours: await agent.memoryMiB("RssAnon"),
      must: { most: 28 },
    }),
    measuredRow({
      what: `/metrics (${SCRAPES} scrapes)`,
      unit: "ms",
      ours: median(times),
      must: { most: 5 },
    }),
  ];
}

async function startRow(program: string): Promise<Row> {
  const times = { with: [] as number[], without: [] as number[] };
  for (let run = 0; run < RUNS; run++) {
    const { agent } = await startWithHttp(program);
    times.with.push(await firstAnswer(agent));
    times.without.push(await firstAnswer(await LocalAgent.start(program)));
  }
  return measuredRow({
    what: "start to first answer, with HTTP",
    unit: "ms",
    ours: median(times.with),
    peer: median(times.without),
    ...PEER,
    must: { times: 1.1 },
  });
}

async function firstAnswer(agent: LocalAgent): Promise<number> {
  await using _agent = agent;
  using client = await RawClient.connect(agent.socket);
  await client.firstSync();
  return performance.now() - agent.started;
}

/** On one agent, in turns: two differ more by where the scheduler puts them. */
async function scrapedPingRow(program: string): Promise<Row> {
  const scraped: number[] = [];
  const unscraped: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const { agent, url } = await startWithHttp(program);
    await using _agent = agent;
    using client = await RawClient.connect(agent.socket);
    await client.firstSync();
    await httpReady(url);
    for (let turn = 0; turn < TURNS; turn++) {
      unscraped.push(...await pingTimes(client));
      const stop = new AbortController();
      const scraping = scrapeUntil(url, stop.signal);
      scraped.push(...await pingTimes(client));
      stop.abort();
      await scraping;
    }
  }
  return measuredRow({
    what: "guest-ping while scraped 10 times a second",
    unit: "µs",
    ours: 1000 * median(scraped),
    peer: 1000 * median(unscraped),
    peerName: "unscraped",
    must: { times: 1.1 },
  });
}

async function pingTimes(client: RawClient): Promise<number[]> {
  const times: number[] = [];
  for (let count = 0; count < PINGS; count++) times.push(await client.ping());
  return times;
}

async function scrapeUntil(url: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await scrape(url);
    await new Promise((resolve) => setTimeout(resolve, SCRAPE_EVERY_MS));
  }
}
