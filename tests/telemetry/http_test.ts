import { deepEqual, equal, match, ok } from "node:assert/strict";
import { FakeTalosApi } from "../harness/talos/fake_talos_api_process.ts";
import { METRICS } from "../../agent/metrics/metric_table.ts";
import { startOnFixtureNode } from "../harness/fixtures/node.ts";
import type { RunningAgent } from "../harness/running_agent.ts";
import { until } from "../harness/until.ts";
import { freePort } from "../harness/free_port.ts";

/** An agent that serves HTTP, on a made-up node. */
async function startWithHttp(
  ...options: string[]
): Promise<{ agent: RunningAgent; port: number; url: string }> {
  const port = freePort();
  const address = `127.0.0.1:${port}`;
  const agent = await startOnFixtureNode("--listen-address", address, ...options);
  return { agent, port, url: `http://${address}` };
}

/** A page, once HTTP is served: that is a moment after the agent answers. */
async function get(
  url: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; type: string | null; text: string }> {
  for (;;) {
    try {
      const response = await fetch(url, { headers });
      const type = response.headers.get("content-type");
      return { status: response.status, type, text: await response.text() };
    } catch (error) {
      const refused = error instanceof TypeError && /Connection refused/.test(error.message);
      if (!refused) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

async function seriesOf(url: string): Promise<Map<string, number>> {
  const { text } = await get(`${url}/metrics`);
  const lines = text.split("\n").filter((line) => /^[a-z]/.test(line));
  return new Map(lines.map((line) => {
    const [name = "", value = ""] = line.split(/ (?=\S+$)/);
    return [name, Number(value)];
  }));
}

async function promtool(metrics: string): Promise<string> {
  const process = new Deno.Command("promtool", {
    args: ["check", "metrics"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = process.output();
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(metrics));
  await writer.close();
  const { stdout, stderr } = await output;
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}

Deno.test("what an agent has done is in its metrics, and promtool has nothing to say", async () => {
  const { agent, url } = await startWithHttp();
  await using _agent = agent;
  await using client = await agent.client();
  await client.execute("guest-ping");
  await client.execute("guest-fsfreeze-freeze");
  await client.execute("guest-fsfreeze-thaw");
  await client.execute("guest-fstrim");
  await client.request("guest-exec", { path: "/bin/true" });
  await client.request('guest-evil-\n{label="x"}');
  await client.send("]");
  await client.sync();
  const series = await seriesOf(url);
  equal(series.get('qga_requests_total{command="guest-ping",outcome="success"}'), 1);
  equal(series.get('qga_requests_total{command="guest-exec",outcome="blocked"}'), 1);
  equal(series.get('qga_requests_total{command="unknown",outcome="error"}'), 1);
  equal(series.get('qga_freezes_total{outcome="nothing"}'), 1);
  equal(series.get('qga_port_state{state="connected"}'), 1);
  ok(Number(series.get("qga_parse_errors_total")) >= 1);
  ok(Number(series.get("qga_received_bytes_total")) > 100);
  ok(Number(series.get("process_resident_memory_bytes")) > 1_000_000);
  ok(![...series.keys()].some((name) => name.includes("evil")));

  const { text, type } = await get(`${url}/metrics`);
  equal(type, "text/plain; version=0.0.4; charset=utf-8");
  equal(await promtool(text), "");
  const served = [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name);
  deepEqual(served, Object.keys(METRICS));
  const open = await get(`${url}/metrics`, { accept: "application/openmetrics-text" });
  equal(open.type, "application/openmetrics-text; version=1.0.0; charset=utf-8");
  match(open.text, /# EOF\n$/);
});

Deno.test("a hostile client makes no new series", async () => {
  const { agent, url } = await startWithHttp();
  await using _agent = agent;
  await using client = await agent.client();
  await client.sync();
  await client.request("guest-unknown");
  await client.receiveReply();
  const before = (await seriesOf(url)).size;
  for (let index = 0; index < 500; index++) await client.request(`guest-unknown-${index}`);
  await client.sync();
  equal((await seriesOf(url)).size, before);
});

Deno.test("health: alive and ready, and what is wrong when it is not", async () => {
  const missing = await startWithHttp("--talosconfig", "/nonexistent/talosconfig");
  await using _missing = missing.agent;
  equal((await get(`${missing.url}/livez`)).status, 200);
  const unready = await get(`${missing.url}/readyz`);
  equal(unready.status, 503);
  match(
    unready.text,
    /^credentials: talosconfig \/nonexistent\/talosconfig: there is no such file/,
  );
  const verbose = JSON.parse((await get(`${missing.url}/readyz?verbose`)).text);
  deepEqual(verbose.conditions.map(({ name, ok }: { name: string; ok: boolean }) => [name, ok]), [
    ["port", true],
    ["serving", true],
    ["credentials", false],
  ]);

  await using api = await FakeTalosApi.start();
  const directory = await Deno.makeTempDir();
  await Deno.writeTextFile(`${directory}/config`, await api.talosconfig());
  const ready = await startWithHttp("--talosconfig", directory);
  await using _ready = ready.agent;
  deepEqual(await get(`${ready.url}/readyz`), {
    status: 200,
    type: "text/plain; charset=utf-8",
    text: "ready\n",
  });
  const series = await seriesOf(ready.url);
  equal(series.get('qga_talos_credentials_info{kind="serviceAccount"}'), 1);
  const expiry = Number(series.get("qga_talos_credentials_expiry_timestamp_seconds"));
  ok(expiry > Date.now() / 1000);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("readiness reports a port that is missing; liveness does not mind", async () => {
  const directory = await Deno.makeTempDir();
  const port = freePort();
  const process = new Deno.Command("dist/qemu-ga-talos", {
    args: [
      ...["--listen-address", `127.0.0.1:${port}`, "-t", directory],
      ...["--path-sysfs", directory, "--path-devfs", directory],
    ],
    stderr: "null",
  }).spawn();
  equal((await get(`http://127.0.0.1:${port}/livez`)).text, "alive\n");
  const { status, text } = await get(`http://127.0.0.1:${port}/readyz`);
  equal(status, 503);
  match(
    text,
    /^port: virtio-serial port org\.qemu\.guest_agent\.0 not found.*hypervisor's options/,
  );
  const series = await seriesOf(`http://127.0.0.1:${port}`);
  equal(series.get('qga_port_state{state="absent"}'), 1);
  process.kill("SIGTERM");
  equal((await process.status).code, 0);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("slow, many and huge HTTP clients hold up neither the port nor the health pages", async () => {
  const { agent, port, url } = await startWithHttp();
  await using _agent = agent;
  await using client = await agent.client();
  await client.sync();
  await get(`${url}/livez`);
  const attackers: Deno.TcpConn[] = [];
  const attacks: Promise<unknown>[] = [];
  let over = false;
  const attack = async (text: string, again: string): Promise<void> => {
    while (!over) {
      try {
        const connection = await Deno.connect({ hostname: "127.0.0.1", port });
        attackers.push(connection);
        await connection.write(new TextEncoder().encode(text));
        while (!over) {
          await new Promise((resolve) => setTimeout(resolve, 20));
          await connection.write(new TextEncoder().encode(again));
        }
      } catch {
        // The agent has cut it: on to the next one.
      }
    }
  };
  // One byte at a time, connections that say nothing, heads without end, and requests unread.
  for (let index = 0; index < 40; index++) {
    attacks.push(attack("GET / HTTP/1.1\r\nx: ", "y"), attack("", ""));
    attacks.push(attack("GET /", "z".repeat(65_536)));
    attacks.push(attack("GET /metrics HTTP/1.1\r\n\r\n", "GET /metrics HTTP/1.1\r\n\r\n"));
  }
  const crowd: Promise<Deno.Conn>[] = [];
  for (let index = 0; index < 500; index++) {
    for (let more = 0; more < 20; more++) {
      const connection = Deno.connect({ hostname: "127.0.0.1", port });
      // Looked at in the end: most wait longer for the agent than the test does.
      connection.catch(() => {});
      crowd.push(connection);
    }
    deepEqual(await client.execute("guest-ping"), {});
  }
  // Nor do they take the agent's descriptors.
  // A page may be cut off by the crowd, as a probe may, which comes again.
  const series = await until("the metrics are served", () => seriesOf(url).catch(() => undefined));
  const openFiles = series.get("process_open_fds");
  ok(Number(openFiles) < 150, `${openFiles} descriptors`);
  const live = await until("it is alive", () => get(`${url}/livez`).catch(() => undefined));
  equal(live.text, "alive\n");
  deepEqual(await client.execute("guest-ping"), {});
  over = true;
  const { code } = await agent.stop("SIGTERM");
  equal(code, 0);
  equal(crowd.length, 10_000);
  for (const outcome of await Promise.allSettled(crowd)) {
    if (outcome.status === "fulfilled") outcome.value.close();
  }
  for (const connection of attackers) connection.close();
  await Promise.all(attacks);
});

Deno.test("an HTTP client in the middle of its request does not hold up the stop", async () => {
  const { agent, port, url } = await startWithHttp();
  await using _agent = agent;
  await get(`${url}/livez`);
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(new TextEncoder().encode("GET /metr"));
  const { code, milliseconds } = await agent.stop("SIGTERM");
  equal(code, 0);
  ok(milliseconds < 1000, `${milliseconds} ms`);
});

Deno.test("an address that is taken is an error line, and the hypervisor is served", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const address = `127.0.0.1:${taken.addr.port}`;
  await using agent = await startOnFixtureNode("--listen-address", address);
  await using client = await agent.client();
  await new Promise((resolve) => setTimeout(resolve, 500));
  deepEqual(await client.execute("guest-ping"), {});
  const { code, log } = await agent.stop("SIGTERM");
  equal(code, 0);
  match(log, /"level":"error","message":"cannot serve metrics and health; set --listen-address/);
  match(log, new RegExp(`"address":"${address.replaceAll(".", "\\.")}"`));
});

Deno.test("with --listen-address none nothing listens", async () => {
  await using agent = await startOnFixtureNode("--listen-address", "none");
  await using client = await agent.client();
  await client.sync();
  await new Promise((resolve) => setTimeout(resolve, 300));
  const { code, log } = await agent.stop("SIGTERM");
  equal(code, 0);
  ok(!log.includes("serving metrics"), log);
});
