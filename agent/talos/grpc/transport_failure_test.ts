/**
 * What Deno's TLS and fetch say, case by case, on real sockets: the texts are no contract, so a
 * new Deno that says it differently must fail here first.
 */

import assert from "node:assert/strict";
import { publishNothing } from "../../activity/activity.ts";
import type { Fault } from "../../../tests/harness/talos/fake_talos_api_messages.ts";
import { FakeTalosApi } from "../../../tests/harness/talos/fake_talos_api_process.ts";
import {
  type Authority,
  createAuthority,
  type Identity,
  issueClient,
  issueServer,
} from "../../../tests/harness/talos/pki.ts";
import { talosErrorOf } from "../../../tests/harness/talos/client_cases.ts";
import { talosconfigText } from "../../../tests/harness/talos/talosconfig_text.ts";
import {
  RawServer,
  sayNothing,
  sayPlainHttp,
  saySilent,
} from "../../../tests/harness/talos/raw_server.ts";
import { TemporaryDirectory } from "../../../tests/harness/temporary_directory.ts";
import { type Credentials, readCredentials } from "../credentials/credentials.ts";
import { Deadline } from "./deadline.ts";
import { parseEndpoint } from "../endpoint.ts";
import { MachineClient } from "../machine_client.ts";
import type { TalosError, TalosFailure } from "../talos_error.ts";
import { callFailure } from "./transport_failure.ts";

const HOUR_MS = 3_600_000;
const EXPIRED = {
  notBefore: new Date(Date.now() - 2 * HOUR_MS),
  notAfter: new Date(Date.now() - HOUR_MS),
};
const NOT_YET = {
  notBefore: new Date(Date.now() + HOUR_MS),
  notAfter: new Date(Date.now() + 2 * HOUR_MS),
};

async function credentialsOf(ca: string, client: Identity): Promise<Credentials> {
  await using directory = await TemporaryDirectory.create();
  return await readCredentials(
    await directory.write("config", talosconfigText({ ca, client })),
    undefined,
    publishNothing,
  );
}

/** Credentials of an operator, and the same with another authority's certificate. */
async function operator(authority: Authority): Promise<Credentials> {
  const client = await issueClient(authority, { roles: ["os:operator"] });
  return await credentialsOf(authority.certificate, client);
}

async function shutdown(
  endpoint: string,
  credentials: Credentials,
  timeoutMs = 5000,
  signal = new AbortController().signal,
): Promise<void> {
  using client = await MachineClient.connect(parseEndpoint(endpoint), credentials, {
    timeoutMs,
    signal,
    setTcpNoDelay() {},
    publish: publishNothing,
  });
  await client.shutdown({ force: false });
}

interface Expected {
  readonly failure: TalosFailure;
  readonly code?: number;
  readonly text: RegExp;
  readonly mayHaveHappened: boolean;
}

function check(error: TalosError, expected: Expected): void {
  assert.equal(error.failure, expected.failure, error.message);
  assert.equal(error.code, expected.code ?? 14, error.message);
  assert.match(error.text, expected.text);
  assert.equal(error.mayHaveHappened, expected.mayHaveHappened, error.message);
}

Deno.test("server certificates that do not do", async (t) => {
  const authority = await createAuthority();
  const other = await createAuthority();
  const ecdsa = await createAuthority({ keyType: "ecdsa" });
  const ips = ["127.0.0.1"];
  await using api = await FakeTalosApi.start({ authority });
  const credentials = await operator(authority);
  const cases: readonly (readonly [string, Identity, TalosFailure, RegExp])[] = [
    ["of another authority", await issueServer(other, { ips }), "server-untrusted", /BadSignature/],
    [
      "of another authority's kind of key",
      await issueServer(ecdsa, { ips }),
      "server-untrusted",
      /UnknownIssuer|BadSignature|UnsupportedSignature/,
    ],
    [
      "of another address",
      await issueServer(authority, { ips: ["10.0.0.9"], dns: ["w-3"] }),
      "server-name",
      /not valid for name "127.0.0.1".*10\.0\.0\.9/,
    ],
    ["of no address", await issueServer(authority, {}), "server-name", /not valid for any names/],
    [
      "expired",
      await issueServer(authority, { ips, ...EXPIRED }),
      "server-certificate",
      /certificate expired/,
    ],
    [
      "not valid yet",
      await issueServer(authority, { ips, ...NOT_YET }),
      "server-certificate",
      /not valid yet/,
    ],
    [
      "of a client",
      await issueClient(authority, { roles: ["os:admin"] }),
      "server-certificate",
      /extended key usage/,
    ],
  ];
  for (const [what, server, failure, text] of cases) {
    await t.step(what, async () => {
      await api.fault({ fault: "certificate", ...server });
      const error = await talosErrorOf(shutdown(api.endpoint, credentials));
      check(error, { failure, text, mayHaveHappened: false });
    });
  }
  assert.deepEqual(api.calls.methods, []);
});

Deno.test("the client's authorities", async (t) => {
  await using api = await FakeTalosApi.start();
  const client = await issueClient(api.authority, { roles: ["os:operator"] });
  const other = (await createAuthority()).certificate;
  await t.step("another one is not trusted", async () => {
    const error = await talosErrorOf(
      shutdown(api.endpoint, await credentialsOf(other, client)),
    );
    check(error, { failure: "server-untrusted", text: /BadSignature/, mayHaveHappened: false });
  });
  await t.step("none, so those of the system, do not trust it", async () => {
    const error = await talosErrorOf(shutdown(api.endpoint, await credentialsOf("", client)));
    check(error, { failure: "server-untrusted", text: /UnknownIssuer/, mayHaveHappened: false });
  });
  await t.step("a bundle that has it trusts it", async () => {
    const bundle = `${other}${api.authority.certificate}`;
    await shutdown(api.endpoint, await credentialsOf(bundle, client));
  });
  assert.deepEqual(api.calls.methods, ["Shutdown"]);
});

Deno.test("client certificates that the server does not accept", async (t) => {
  await using api = await FakeTalosApi.start();
  const ca = api.authority.certificate;
  const roles = ["os:operator"];
  const clients: readonly (readonly [string, Identity])[] = [
    ["of another authority", await issueClient(await createAuthority(), { roles })],
    ["expired", await issueClient(api.authority, { roles, ...EXPIRED })],
    ["not valid yet", await issueClient(api.authority, { roles, ...NOT_YET })],
  ];
  for (const [what, client] of clients) {
    await t.step(what, async () => {
      const error = await talosErrorOf(shutdown(api.endpoint, await credentialsOf(ca, client)));
      check(error, { failure: "client-rejected", text: /./, mayHaveHappened: false });
    });
  }
  assert.deepEqual(api.calls.methods, []);
});

Deno.test("both kinds of Talos' keys are accepted", async () => {
  const authority = await createAuthority({ keyType: "ecdsa" });
  await using api = await FakeTalosApi.start({ authority });
  for (const keyLabel of ["EC PRIVATE KEY", "PRIVATE KEY"] as const) {
    const client = await issueClient(authority, { roles: ["os:operator"], keyLabel });
    await shutdown(api.endpoint, await credentialsOf(authority.certificate, client));
  }
  assert.equal((await api.calls.waitFor(2)).length, 2);
});

Deno.test("nobody who could answer", async (t) => {
  const credentials = await operator(await createAuthority());
  const unreachable = { failure: "unreachable", mayHaveHappened: false } as const;
  await t.step("nobody listens", async () => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    listener.close();
    const error = await talosErrorOf(shutdown(`127.0.0.1:${port}`, credentials));
    check(error, { ...unreachable, text: /Connection refused/ });
  });
  await t.step("no such name", async () => {
    const error = await talosErrorOf(shutdown("no-such-name.invalid", credentials));
    check(error, { ...unreachable, text: /failed to lookup address/ });
  });
  await t.step("a name where nobody listens", async () => {
    const error = await talosErrorOf(shutdown("localhost:1", credentials));
    // A bare root file system has no /etc/hosts.
    check(error, { ...unreachable, text: /Connection refused|failed to lookup address/ });
  });
  await t.step("its queue of connections is full, so that it does not even refuse", async () => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const queued = await fillQueue(listener.addr.port);
    try {
      const endpoint = `127.0.0.1:${listener.addr.port}`;
      const error = await talosErrorOf(shutdown(endpoint, credentials, 200));
      check(error, { ...unreachable, text: /no TLS handshake within 200 ms/ });
    } finally {
      for (const connection of queued) connection.close();
    }
  });
  await t.step("it says nothing", async () => {
    await using server = new RawServer(saySilent);
    const error = await talosErrorOf(shutdown(server.endpoint, credentials, 200));
    check(error, { ...unreachable, text: /no TLS handshake within 200 ms/ });
  });
  await t.step("it hangs up", async () => {
    await using server = new RawServer(sayNothing);
    const error = await talosErrorOf(shutdown(server.endpoint, credentials));
    check(error, { ...unreachable, text: /end of file|reset|close/i });
  });
  await t.step("it speaks no TLS", async () => {
    await using server = new RawServer(sayPlainHttp);
    const error = await talosErrorOf(shutdown(server.endpoint, credentials));
    check(error, { failure: "tls", text: /corrupt message/, mayHaveHappened: false });
  });
  await t.step("the caller gives up", async () => {
    await using server = new RawServer(saySilent);
    const controller = new AbortController();
    const call = shutdown(server.endpoint, credentials, 5000, controller.signal);
    setTimeout(() => controller.abort(), 50);
    const error = await talosErrorOf(call);
    check(error, { failure: "cancelled", code: 1, text: /abandoned/, mayHaveHappened: false });
  });
});

Deno.test("answers that are none", async (t) => {
  await using api = await FakeTalosApi.start();
  const credentials = await operator(api.authority);
  const unknown = { mayHaveHappened: true } as const;
  const cut = { failure: "cut", text: /./, mayHaveHappened: true } as const;
  const protocol = { failure: "protocol", code: 13, ...unknown } as const;
  const cases: readonly (readonly [string, Fault, Expected])[] = [
    ["cut before the answer", { fault: "cut", after: "request" }, cut],
    ["cut after the headers", { fault: "cut", after: "headers" }, cut],
    ["cut in the message", { fault: "cut", after: "half" }, cut],
    ["GOAWAY, NO_ERROR", { fault: "goaway", code: 0 }, cut],
    ["GOAWAY, ENHANCE_YOUR_CALM", { fault: "goaway", code: 11 }, cut],
    ["stream reset, INTERNAL_ERROR", { fault: "reset", code: 2 }, cut],
    [
      "stream reset, REFUSED_STREAM",
      { fault: "reset", code: 7 },
      { failure: "cut", text: /refused stream/, mayHaveHappened: false },
    ],
    ["a compressed message", { fault: "body", hex: "010000000100" }, {
      ...protocol,
      text: /compressed/,
    }],
    ["a message that is cut", { fault: "body", hex: "00000000ff01" }, {
      ...protocol,
      text: /only 6 bytes/,
    }],
    ["a message of 4 GiB", { fault: "body", hex: "00ffffffff01" }, {
      ...protocol,
      text: /4294967295 bytes/,
    }],
    ["two messages", { fault: "body", hex: "00000000000000000000" }, {
      ...protocol,
      text: /more bytes/,
    }],
    ["no reply in the message", { fault: "body", hex: "0000000000" }, {
      ...protocol,
      text: /no node's reply/,
    }],
    ["a message that is not protobuf", { fault: "body", hex: "00000000020aff" }, {
      ...protocol,
      text: /cannot be decoded/,
    }],
    ["a status in the trailers", { fault: "status", code: 13, inTrailers: true }, {
      ...protocol,
      text: /no message/,
    }],
    ["a web page", { fault: "html", status: 200 }, {
      failure: "protocol",
      code: 2,
      text: /HTTP 200 of type "text\/html"/,
      mayHaveHappened: false,
    }],
    ["a gateway's web page", { fault: "html", status: 502 }, {
      failure: "protocol",
      code: 14,
      text: /HTTP 502/,
      mayHaveHappened: false,
    }],
  ];
  for (const [what, fault, expected] of cases) {
    await t.step(what, async () => {
      await api.fault(fault);
      check(await talosErrorOf(shutdown(api.endpoint, credentials)), expected);
    });
  }
  await t.step("no answer in time", async () => {
    await api.fault({ fault: "never" });
    const error = await talosErrorOf(shutdown(api.endpoint, credentials, 300));
    check(error, {
      failure: "deadline",
      code: 4,
      text: /no answer within 300 ms/,
      mayHaveHappened: true,
    });
  });
  await t.step("the caller gives up", async () => {
    const controller = new AbortController();
    const call = shutdown(api.endpoint, credentials, 5000, controller.signal);
    const before = api.calls.all.length;
    await api.calls.waitFor(before + 1);
    controller.abort();
    const error = await talosErrorOf(call);
    check(error, { failure: "cancelled", code: 1, text: /abandoned/, mayHaveHappened: true });
  });
  await t.step("a late answer is one", async () => {
    await api.fault({ fault: "slow", ms: 200 });
    await shutdown(api.endpoint, credentials);
  });
});

/** Connects to a server that accepts nothing until the kernel drops what comes. */
async function fillQueue(port: number): Promise<Deno.TcpConn[]> {
  const queued: Deno.TcpConn[] = [];
  for (;;) {
    using deadline = new Deadline(100, new AbortController().signal);
    try {
      queued.push(
        await Deno.connect({ hostname: "127.0.0.1", port, signal: deadline.signal }),
      );
    } catch (error) {
      if (deadline.expired) return queued;
      throw error;
    }
  }
}

Deno.test("an alert after the request was sent rules it out only when it is about certificates", () => {
  const alert = (name: string) =>
    callFailure(new TypeError(`connection error: received fatal alert: ${name}`));
  assert.deepEqual(alert("UnknownCA"), {
    failure: "client-rejected",
    text: "received fatal alert: UnknownCA",
    mayHaveHappened: false,
  });
  assert.deepEqual(alert("InternalError"), {
    failure: "cut",
    text: "received fatal alert: InternalError",
    mayHaveHappened: true,
  });
});
