import assert from "node:assert/strict";
import { createAuthority, issueServer } from "../../tests/harness/talos/pki.ts";
import { TemporaryDirectory } from "../../tests/harness/temporary_directory.ts";
import { ActivityFeed } from "../activity/activity.ts";
import { InClusterApi } from "./in_cluster_api.ts";
import { KubernetesEvents, startKubernetesEvents } from "./events.ts";
import { jsonLog, silentLog } from "../log/log.ts";
import type { NodeNotice } from "./node_notices.ts";

const NOTICE: NodeNotice = {
  type: "Normal",
  reason: "ShutdownRequested",
  action: "Shutdown",
  note: "The hypervisor asked for a shutdown",
};

interface SentEvent {
  readonly note: string;
  readonly reason: string;
  readonly [field: string]: unknown;
}

/** Something that answers as the API server does, and the files that a pod has. */
class FakeApiServer implements AsyncDisposable {
  readonly events: SentEvent[] = [];
  readonly tokens: (string | null)[] = [];
  readonly directory: TemporaryDirectory;
  readonly port: number;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  private constructor(
    directory: TemporaryDirectory,
    server: { certificate: string; key: string },
    answer: (signal: AbortSignal) => Response | Promise<Response>,
  ) {
    this.directory = directory;
    this.#server = Deno.serve({
      hostname: "127.0.0.1",
      port: 0,
      cert: server.certificate,
      key: server.key,
      onListen() {},
    }, async (request) => {
      this.tokens.push(request.headers.get("authorization"));
      this.events.push(await request.json());
      return await answer(request.signal);
    });
    this.port = this.#server.addr.port;
  }

  static async start(
    answer: (signal: AbortSignal) => Response | Promise<Response>,
  ): Promise<FakeApiServer> {
    const authority = await createAuthority({ keyType: "ecdsa" });
    const server = await issueServer(authority, { ips: ["127.0.0.1"] });
    const directory = await TemporaryDirectory.create();
    await directory.write("ca.crt", authority.certificate);
    await directory.write("token", "first\n");
    return new FakeApiServer(directory, server, answer);
  }

  get api(): InClusterApi {
    return new InClusterApi({
      host: "127.0.0.1",
      port: `${this.port}`,
      directory: this.directory.path,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
    await this.directory[Symbol.asyncDispose]();
  }
}

function created(): Response {
  return Response.json({}, { status: 201 });
}

/** Lines of a log, and events that write to it. */
function eventsOn(
  api: InClusterApi,
  timeoutMs = 10_000,
): { events: KubernetesEvents; lines: string[] } {
  const lines: string[] = [];
  const log = jsonLog((line) => lines.push(line));
  const pod = { name: "agent-x7x2p", namespace: "guest-agents" };
  return { events: new KubernetesEvents({ api, log, nodeName: "worker", pod, timeoutMs }), lines };
}

/** Sends notices and waits until each was tried. */
async function sendAll(events: KubernetesEvents, ...notices: NodeNotice[]): Promise<void> {
  for (const notice of notices) events.send(notice);
  await events[Symbol.asyncDispose]();
}

Deno.test("an event names Node and pod, and its note is no longer than allowed", async () => {
  await using server = await FakeApiServer.start(created);
  const { events, lines } = eventsOn(server.api);
  await sendAll(events, { ...NOTICE, note: "ü".repeat(2000) });
  const [event] = server.events;
  assert.equal(new TextEncoder().encode(event?.note).length, 1024);
  assert.deepEqual(event?.["regarding"], {
    apiVersion: "v1",
    kind: "Node",
    name: "worker",
    uid: "worker",
  });
  assert.deepEqual(event?.["related"], {
    apiVersion: "v1",
    kind: "Pod",
    name: "agent-x7x2p",
    namespace: "guest-agents",
  });
  assert.match(String(event?.["eventTime"]), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  assert.deepEqual(lines, []);
});

Deno.test("the token is read again for each event", async () => {
  await using server = await FakeApiServer.start(async () => {
    await server.directory.write("token", "second");
    return created();
  });
  const { events } = eventsOn(server.api);
  await sendAll(events, NOTICE, NOTICE);
  assert.deepEqual(server.tokens, ["Bearer first", "Bearer second"]);
});

Deno.test("events that are refused are lost, with one line that says what to do", async () => {
  const status = { kind: "Status", message: 'events is forbidden: User "x" cannot create' };
  await using server = await FakeApiServer.start(() => Response.json(status, { status: 403 }));
  const { events, lines } = eventsOn(server.api);
  await sendAll(events, NOTICE, NOTICE, NOTICE);
  assert.equal(server.events.length, 3);
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? "", /403: events is forbidden: .*; give the pod's ServiceAccount/);
});

Deno.test("an outage is a line, and the next one another", async () => {
  let status = 500;
  await using server = await FakeApiServer.start(() => new Response("no", { status }));
  const { events, lines } = eventsOn(server.api);
  const settle = async (count: number): Promise<void> => {
    while (server.events.length < count) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  events.send(NOTICE);
  events.send(NOTICE);
  await settle(2);
  status = 201;
  events.send(NOTICE);
  await settle(3);
  status = 500;
  await sendAll(events, NOTICE);
  assert.equal(lines.length, 2);
});

Deno.test("no server: nothing is thrown, one line is written", async () => {
  await using server = await FakeApiServer.start(created);
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const directory = server.directory.path;
  const { events, lines } = eventsOn(
    new InClusterApi({ host: "127.0.0.1", port: `${port}`, directory }),
  );
  await sendAll(events, NOTICE, NOTICE);
  assert.equal(lines.length, 1);
  assert.match(lines[0] ?? "", /the API server https:\/\/127\.0\.0\.1:\d+ cannot be asked/);
});

Deno.test("a server that another authority has signed is not told the token", async () => {
  await using server = await FakeApiServer.start(created);
  await server.directory.write("ca.crt", (await createAuthority()).certificate);
  const { events, lines } = eventsOn(server.api);
  await sendAll(events, NOTICE);
  assert.deepEqual(server.tokens, []);
  assert.equal(lines.length, 1);
});

Deno.test("a pod without a token says so", async () => {
  await using server = await FakeApiServer.start(created);
  await Deno.remove(`${server.directory.path}/token`);
  const { events, lines } = eventsOn(server.api);
  await sendAll(events, NOTICE);
  assert.match(lines[0] ?? "", /automountServiceAccountToken/);
});

Deno.test("a server that never answers: few wait, each gives up, and a stop does not hang", async () => {
  const hung = Promise.withResolvers<void>();
  await using server = await FakeApiServer.start((signal) => {
    hung.resolve();
    return new Promise((resolve) => signal.addEventListener("abort", () => resolve(created())));
  });
  const { events, lines } = eventsOn(server.api, 3_600_000);
  for (let i = 0; i < 1000; i++) events.send(NOTICE);
  await hung.promise;
  await events[Symbol.asyncDispose]();
  assert.equal(server.events.length, 1);
  assert.deepEqual(lines, [], "a stop is no outage");
  events.send(NOTICE);
});

Deno.test("a slow server: an event that is not taken in time is lost", async () => {
  await using server = await FakeApiServer.start((signal) =>
    new Promise((resolve) => signal.addEventListener("abort", () => resolve(created())))
  );
  const { events, lines } = eventsOn(server.api, 20);
  events.send(NOTICE);
  while (lines.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await events[Symbol.asyncDispose]();
  assert.match(lines[0] ?? "", /no answer in time/);
});

Deno.test("what happened at the start is sent, and nothing after the end", async () => {
  await using server = await FakeApiServer.start(created);
  const feed = new ActivityFeed(silentLog);
  const thaw = { kind: "thaw", reason: "start", count: 1, frozenSeconds: 5 } as const;
  feed.publish(thaw);
  const values: Record<string, string> = {
    KUBERNETES_SERVICE_HOST: "127.0.0.1",
    KUBERNETES_SERVICE_PORT: `${server.port}`,
    NODE_NAME: "worker",
  };
  const started = startKubernetesEvents({
    feed,
    log: silentLog,
    environment: (name) => values[name],
    directory: server.directory.path,
  });
  await started[Symbol.asyncDispose]();
  feed.publish(thaw);
  assert.deepEqual(server.events.map(({ reason }) => reason), ["ThawedByAgent"]);
  assert.equal(server.events[0]?.["related"], undefined);
});

Deno.test("outside of a pod a line says that nothing is sent", async () => {
  for (const values of [{}, { KUBERNETES_SERVICE_HOST: "10.96.0.1" }]) {
    const lines: string[] = [];
    const log = jsonLog((line) => lines.push(line));
    const environment = (name: string) => new Map(Object.entries(values)).get(name);
    const started = startKubernetesEvents({ feed: new ActivityFeed(log), log, environment });
    await started[Symbol.asyncDispose]();
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? "", /no Kubernetes events are sent/);
  }
});
