import assert from "node:assert/strict";
import { checkHttpEndpoint } from "./http_endpoint.ts";

const READY = { ready: true, conditions: [{ name: "port", ok: true, reason: "a client talks" }] };
const NOT_READY = {
  ready: false,
  conditions: [
    { name: "port", ok: false, reason: "there is no such port" },
    { name: "serving", ok: true, counts: true, reason: "requests are answered" },
    { name: "credentials", ok: false, counts: false, reason: "it has expired" },
  ],
};

/** What is found where `answers` are given by path, and others are 404. */
async function check(answers: Readonly<Record<string, readonly [number, string]>>) {
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => {
      const { pathname, search } = new URL(request.url);
      const [status, body] = answers[pathname + search] ?? [404, "<html></html>"];
      return new Response(body, { status });
    },
  );
  return await checkHttpEndpoint({ hostname: undefined, port: server.addr.port });
}

Deno.test("an agent that is alive and ready is well", async () => {
  const line = await check({
    "/livez": [200, "ok\n"],
    "/readyz?verbose": [200, JSON.stringify(READY)],
  });
  assert.equal(line.status, "ok");
  assert.match(line.fact, /^the agent at 127\.0\.0\.1:\d+ is alive and ready$/);
});

Deno.test("an agent that is not ready gives its reasons, one that is not alive fails", async () => {
  const waiting = await check({
    "/livez": [200, "ok\n"],
    "/readyz?verbose": [503, JSON.stringify(NOT_READY)],
  });
  assert.equal(waiting.status, "failed");
  assert.match(waiting.fact, /is not ready: port: there is no such port$/);
  const hanging = await check({
    "/livez": [503, "no\n"],
    "/readyz?verbose": [503, JSON.stringify(NOT_READY)],
  });
  assert.equal(hanging.status, "failed");
  assert.match(hanging.fact, /not alive/);
});

Deno.test("another program on the port is told from the agent", async () => {
  for (const body of ["<html></html>", '{"status":"ok"}', "[]"]) {
    const line = await check({ "/livez": [200, "ok"], "/readyz?verbose": [200, body] });
    assert.equal(line.status, "failed");
    assert.match(line.fact, /is not an agent/);
    assert.match(line.remedy ?? "", /--listen-address/);
  }
});

Deno.test("what speaks no HTTP is another program, and nobody is a warning", async () => {
  {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    const served = (async () => {
      using connection = await listener.accept();
      await connection.read(new Uint8Array(1000));
      await connection.write(new TextEncoder().encode("220 mail\r\n"));
    })();
    const other = await checkHttpEndpoint({ hostname: "0.0.0.0", port });
    await served;
    assert.equal(other.status, "failed");
    assert.match(other.fact, /speaks no HTTP/);
  }
  // A port that was free a moment ago may be somebody else's by now; this one is nobody's.
  const nobody = await checkHttpEndpoint({ hostname: "127.0.0.1", port: 3 });
  assert.equal(nobody.status, "warning", nobody.fact);
  assert.match(nobody.remedy ?? "", /start the agent/);
  assert.equal((await checkHttpEndpoint(undefined)).status, "ok");
});
