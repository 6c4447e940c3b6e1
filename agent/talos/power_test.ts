import assert from "node:assert/strict";
import { ActivityRecorder } from "../../tests/harness/activity_recorder.ts";
import {
  FakeTalosApi,
  type FakeTalosApiOptions,
} from "../../tests/harness/talos/fake_talos_api_process.ts";
import { createAuthority, issueClient, issueServer } from "../../tests/harness/talos/pki.ts";
import { talosconfigText } from "../../tests/harness/talos/talosconfig_text.ts";
import { LogRecorder } from "../../tests/harness/log_recorder.ts";
import { RawServer, saySilent } from "../../tests/harness/talos/raw_server.ts";
import { TemporaryDirectory } from "../../tests/harness/temporary_directory.ts";
import { grpcCodeName } from "./grpc/status.ts";
import { TalosPower, type TalosPowerOptions } from "./power.ts";

const MINUTE_MS = 60_000;
/** Port 1 is nobody's. */
const NOBODY = "127.0.0.1:1";

/** Linux connects it to this machine; loopback addresses are trusted, and this one is not. */
const NOT_LOOPBACK = "0.0.0.0";

/** A fake Talos API, a talosconfig for it, and a TalosPower that uses both. */
class Bench implements AsyncDisposable {
  readonly api: FakeTalosApi;
  readonly directory: TemporaryDirectory;
  readonly log = new LogRecorder();
  readonly activity = new ActivityRecorder();
  readonly #powers: TalosPower[] = [];

  private constructor(api: FakeTalosApi, directory: TemporaryDirectory) {
    this.api = api;
    this.directory = directory;
  }

  static async start(options: FakeTalosApiOptions = {}): Promise<Bench> {
    const bench = new Bench(await FakeTalosApi.start(options), await TemporaryDirectory.create());
    await bench.writeTalosconfig(await bench.api.talosconfig());
    return bench;
  }

  get talosconfig(): string {
    return `${this.directory.path}/config`;
  }

  async writeTalosconfig(text: string): Promise<void> {
    await this.directory.write("config", text);
  }

  power(options: Partial<TalosPowerOptions> = {}): TalosPower {
    const power = new TalosPower({
      talosconfig: this.talosconfig,
      context: undefined,
      endpoints: [this.api.endpoint],
      drainTimeoutMs: undefined,
      rebootMode: "powercycle",
      callTimeoutMs: 5000,
      hostName: () => "node-1",
      ownAddresses: () => [],
      setTcpNoDelay() {},
      log: this.log,
      publish: this.activity.publish,
      ...options,
    });
    this.#powers.push(power);
    return power;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const power of this.#powers) power[Symbol.dispose]();
    await this.api[Symbol.asyncDispose]();
    await this.directory[Symbol.asyncDispose]();
  }
}

Deno.test("powerdown and halt are Shutdown, reboot is Reboot in its mode", async (t) => {
  await using bench = await Bench.start();
  const actions = [
    ["powerdown", { drainTimeoutMs: undefined }, "Shutdown", { force: false }],
    ["halt", { drainTimeoutMs: undefined }, "Shutdown", { force: false }],
    ["powerdown", { drainTimeoutMs: 0 }, "Shutdown", { force: true }],
    ["reboot", { rebootMode: "powercycle" }, "Reboot", { mode: 1 }],
    ["reboot", { rebootMode: "default" }, "Reboot", { mode: 0 }],
    ["reboot", { rebootMode: "force" }, "Reboot", { mode: 2 }],
  ] as const;
  for (const [index, [action, options, method, request]] of actions.entries()) {
    await t.step(`${action} ${JSON.stringify(options)}`, async () => {
      await bench.power(options).request(action);
      const call = (await bench.api.calls.waitFor(index + 1))[index];
      assert.equal(call?.method, method);
      assert.deepEqual(call?.request, request);
    });
  }
});

Deno.test("an action leaves lines for an audit", async () => {
  await using bench = await Bench.start();
  await bench.power().request("powerdown");
  const [requested] = bench.log.matching(/requested/);
  assert.equal(requested?.fields["action"], "powerdown");
  const [accepted] = bench.log.matching(/accepted/);
  assert.equal(accepted?.level, "info");
  const { milliseconds, actor, ...fields } = accepted?.fields ?? {};
  assert.deepEqual(fields, {
    action: "powerdown",
    method: "Shutdown",
    force: false,
    endpoint: bench.api.endpoint,
    roles: "os:operator",
  });
  assert.match(String(actor), /^[0-9a-f-]{36}$/);
  assert.equal(typeof milliseconds, "number");
});

Deno.test("a Talos ServiceAccount's directory will do", async () => {
  await using bench = await Bench.start();
  await bench.power({ talosconfig: bench.directory.path }).request("powerdown");
  assert.deepEqual(bench.api.calls.methods, ["Shutdown"]);
});

Deno.test("without a talosconfig an action is an error that names the option", async () => {
  await using bench = await Bench.start();
  const power = bench.power({ talosconfig: undefined });
  await assert.rejects(power.request("powerdown"), { message: /set --talosconfig/ });
  assert.match(await power.checkCredentials() ?? "", /set --talosconfig/);
  assert.match(String(bench.log.matching(/failed/)[0]?.fields["reason"]), /--talosconfig/);
});

Deno.test("a shutdown that drains for too long is forced, once", async () => {
  await using bench = await Bench.start();
  await bench.power({ drainTimeoutMs: 150 }).request("powerdown");
  const calls = await bench.api.calls.waitFor(2);
  assert.deepEqual(calls.map((call) => call.request), [{ force: false }, { force: true }]);
  const [first, second] = calls.map((call) => Date.parse(call.time));
  assert(first !== undefined && second !== undefined && second - first >= 150);
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.equal(bench.api.calls.all.length, 2);
  assert.deepEqual(
    bench.activity.of("power").map(({ forced, requested }) => ({ forced, requested })),
    [{ forced: false, requested: true }, { forced: true, requested: false }],
  );
});

Deno.test("a shutdown whose drain has ended is not forced", async () => {
  await using bench = await Bench.start({ drainMs: 50 });
  await bench.power({ drainTimeoutMs: 1500 }).request("powerdown");
  const line = await bench.log.waitFor(/past the drain/);
  assert.equal(line.level, "info");
  assert.equal(line.fields["actor"], bench.log.matching(/accepted/)[0]?.fields["actor"]);
  await new Promise((resolve) => setTimeout(resolve, 1600));
  assert.deepEqual(bench.api.calls.methods, ["Shutdown"]);
  assert.deepEqual(bench.log.matching(/forcing|failed|does not tell/), []);
  assert.deepEqual(
    bench.activity.of("talos-call").map(({ method, code }) => `${method} ${code}`),
    ["Version OK", "Shutdown OK", "Version OK", "Events OK"],
  );
});

Deno.test("a shutdown that somebody else's has taken over is not forced", async () => {
  await using bench = await Bench.start();
  await bench.power({ drainTimeoutMs: 1500 }).request("powerdown");
  await bench.power().request("powerdown");
  await bench.log.waitFor(/past the drain/);
  await new Promise((resolve) => setTimeout(resolve, 1600));
  assert.deepEqual(bench.api.calls.all.map(({ request }) => request["force"]), [false, false]);
});

Deno.test("where Talos does not tell how far the drain is, the shutdown is forced", async (t) => {
  for (
    const [fault, reason, times] of [
      [{ fault: "status", code: 7, message: "not authorized" }, /PERMISSION_DENIED/, 1],
      [{ fault: "status", code: 12 }, /UNIMPLEMENTED/, 1],
      [{ fault: "cut", after: "headers" }, /Events/, 3],
      [{ fault: "body", hex: "" }, /has ended its events/, 3],
      [{ fault: "body", hex: "0000000002ffff" }, /cannot be decoded/, 3],
      [{ fault: "html", status: 404 }, /HTTP 404/, 3],
    ] as const
  ) {
    await t.step(JSON.stringify(fault), async () => {
      await using bench = await Bench.start();
      await bench.api.fault({ ...fault, method: "Events" });
      await bench.power({ drainTimeoutMs: 1000, eventsRetryMs: 50 }).request("powerdown");
      const line = await bench.log.waitFor(/does not tell how far the drain is/);
      assert.equal(line.level, "warn");
      assert.match(String(line.fields["reason"]), reason);
      assert.equal(line.fields["endpoint"], bench.api.endpoint);
      const calls = await bench.api.calls.waitFor(2);
      assert.deepEqual(calls.map(({ request }) => request["force"]), [false, true]);
      const tries = bench.log.matching(/does not tell/).length;
      if (times === 1) assert.equal(tries, 1);
      else assert.ok(tries >= times, String(tries));
    });
  }
});

Deno.test("a drain that is followed again after the connection was lost is not forced", async () => {
  await using bench = await Bench.start({ drainMs: 300 });
  await bench.api.fault({ fault: "cut", after: "request", method: "Events", times: 2 });
  await bench.power({ drainTimeoutMs: 3000, eventsRetryMs: 50 }).request("powerdown");
  await bench.log.waitFor(/past the drain/);
  assert.equal(bench.log.matching(/does not tell/).length, 2);
  assert.deepEqual(bench.api.calls.methods, ["Shutdown"]);
});

Deno.test("forcing that failed is not tried again once the drain has ended", async () => {
  await using bench = await Bench.start({ drainMs: 400 });
  const power = bench.power({ drainTimeoutMs: 100, forceRetryMs: [2000] });
  await power.request("powerdown");
  await bench.api.fault({ fault: "status", code: 14, method: "Shutdown", times: 1 });
  await bench.log.waitFor(/past the drain/);
  assert.deepEqual(bench.log.matching(/forcing/).map(({ fields }) => fields["attempt"]), [1]);
});

Deno.test("a shutdown is never forced without a drain timeout, nor twice with 0", async () => {
  for (const drainTimeoutMs of [undefined, 0]) {
    await using bench = await Bench.start();
    await bench.power({ drainTimeoutMs }).request("powerdown");
    await new Promise((resolve) => setTimeout(resolve, 200));
    assert.equal(bench.api.calls.all.length, 1);
  }
});

Deno.test("a reboot and a shutdown that failed are not forced later", async () => {
  await using bench = await Bench.start();
  await bench.api.fault({ fault: "status", code: 9, times: 1 });
  const power = bench.power({ drainTimeoutMs: 50 });
  await assert.rejects(power.request("powerdown"));
  await power.request("reboot");
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.deepEqual(bench.api.calls.methods, ["Shutdown", "Reboot"]);
});

Deno.test("a disposed TalosPower forces nothing", async () => {
  await using bench = await Bench.start();
  {
    using power = bench.power({ drainTimeoutMs: 100 });
    await power.request("powerdown");
  }
  await new Promise((resolve) => setTimeout(resolve, 250));
  assert.equal(bench.api.calls.all.length, 1);
});

Deno.test("a call under way is given up when TalosPower is disposed of", async () => {
  await using bench = await Bench.start();
  await bench.api.fault({ fault: "never" });
  const power = bench.power();
  const request = power.request("powerdown");
  const rejected = assert.rejects(request, { message: /abandoned because the agent stops/ });
  await bench.api.calls.waitFor(1);
  power[Symbol.dispose]();
  await rejected;
});

Deno.test("forcing is tried again with fresh credentials, then succeeds", async () => {
  await using bench = await Bench.start();
  const power = bench.power({ drainTimeoutMs: 100, forceRetryMs: [50, 50, 50] });
  await power.request("powerdown");
  await bench.writeTalosconfig("");
  await bench.log.waitFor(/^power action failed$/);
  await bench.writeTalosconfig(await bench.api.talosconfig());
  const calls = await bench.api.calls.waitFor(2);
  assert.deepEqual(calls[1]?.request, { force: true });
});

Deno.test("forcing that keeps failing ends in an error line", async () => {
  await using bench = await Bench.start();
  const power = bench.power({ drainTimeoutMs: 30, forceRetryMs: [20, 20] });
  await power.request("powerdown");
  await bench.api.fault({ fault: "status", code: 14 });
  const line = await bench.log.waitFor(/could not be forced/);
  assert.equal(line.level, "error");
  assert.deepEqual(line.fields, { attempts: 3 });
  assert.equal(bench.api.calls.all.length, 4);
});

Deno.test("forcing is not repeated when it may have been obeyed", async () => {
  await using bench = await Bench.start();
  const power = bench.power({ drainTimeoutMs: 30, forceRetryMs: [20, 20] });
  await power.request("powerdown");
  await bench.api.fault({ fault: "cut", after: "request" });
  await bench.log.waitFor(/^power action failed$/);
  await new Promise((resolve) => setTimeout(resolve, 200));
  assert.equal(bench.api.calls.all.length, 2);
});

Deno.test("a second powerdown is success without a call, for ten minutes", async () => {
  await using bench = await Bench.start();
  let now = 0;
  const power = bench.power({ monotonicNow: () => now });
  await power.request("powerdown");
  now = 10 * MINUTE_MS - 1;
  await power.request("powerdown");
  await power.request("halt");
  assert.deepEqual(bench.api.calls.methods, ["Shutdown"]);
  assert.equal(bench.log.matching(/under way already/).length, 2);
  now = 10 * MINUTE_MS;
  await power.request("powerdown");
  assert.deepEqual(bench.api.calls.methods, ["Shutdown", "Shutdown"]);
});

Deno.test("the ten minutes begin again when the shutdown is forced", async () => {
  await using bench = await Bench.start();
  let now = 0;
  const power = bench.power({ monotonicNow: () => now, drainTimeoutMs: 100 });
  await power.request("powerdown");
  now = 5 * MINUTE_MS;
  await bench.api.calls.waitFor(2);
  now = 14 * MINUTE_MS;
  await power.request("powerdown");
  assert.equal(bench.api.calls.all.length, 2);
});

Deno.test("a second reboot is success without a call; a shutdown replaces it", async () => {
  await using bench = await Bench.start();
  const power = bench.power();
  await power.request("reboot");
  await power.request("reboot");
  assert.deepEqual(bench.api.calls.methods, ["Reboot"]);
  await power.request("powerdown");
  assert.deepEqual(bench.api.calls.methods, ["Reboot", "Shutdown"]);
});

Deno.test("a reboot while a shutdown is under way is an error that says so", async () => {
  await using bench = await Bench.start();
  let now = 0;
  const power = bench.power({ monotonicNow: () => now });
  await power.request("powerdown");
  await assert.rejects(power.request("reboot"), { message: /a shutdown is under way/ });
  assert.deepEqual(bench.api.calls.methods, ["Shutdown"]);
  now = 10 * MINUTE_MS;
  await power.request("reboot");
  assert.deepEqual(bench.api.calls.methods, ["Shutdown", "Reboot"]);
});

Deno.test("requests at the same time are taken one after the other", async () => {
  await using bench = await Bench.start();
  await bench.api.fault({ fault: "slow", ms: 100 });
  const power = bench.power();
  const results = await Promise.allSettled([
    power.request("powerdown"),
    power.request("powerdown"),
    power.request("reboot"),
  ]);
  assert.deepEqual(results.map((result) => result.status), ["fulfilled", "fulfilled", "rejected"]);
  assert.deepEqual(bench.api.calls.methods, ["Shutdown"]);
});

Deno.test("a request that failed does not hold up the next", async () => {
  await using bench = await Bench.start();
  await bench.api.fault({ fault: "status", code: 13, times: 1 });
  const power = bench.power();
  const [first, second] = await Promise.allSettled([
    power.request("powerdown"),
    power.request("powerdown"),
  ]);
  assert.equal(first.status, "rejected");
  assert.equal(second.status, "fulfilled");
});

Deno.test("each gRPC status is an error that says what to do", async (t) => {
  await using bench = await Bench.start();
  const advice: Readonly<Record<number, RegExp>> = {
    3: /check --reboot-mode/,
    7: /has os:operator, which should do; .*check --talos-endpoint/,
    9: /container/,
    12: /version or mode does not have the call/,
    14: /restarting its API or going down; try again/,
    16: /renew the talosconfig \(--talosconfig\)/,
  };
  for (let code = 1; code <= 16; code++) {
    await t.step(grpcCodeName(code), async () => {
      await bench.api.fault({ fault: "status", code, message: "so said Talos" });
      await assert.rejects(bench.power().request("powerdown"), (error) => {
        assert(error instanceof Error);
        const said = `${bench.api.endpoint} answered ${grpcCodeName(code)} (${code}) ` +
          `"so said Talos": `;
        assert(error.message.includes(said), error.message);
        assert(error.message.split(said)[1] !== "", error.message);
        assert.match(error.message, advice[code] ?? /./);
        const unknown = code === 1 || code === 4;
        assert.match(
          error.message,
          unknown ? /^it is not known whether Talos accepted/ : /^Talos did not accept/,
        );
        return true;
      });
    });
  }
});

Deno.test("a missing role is named together with the roles there are", async (t) => {
  await using bench = await Bench.start();
  for (const [roles, has] of [[["os:reader"], "os:reader"], [[], "no role"]] as const) {
    await t.step(has, async () => {
      await bench.writeTalosconfig(await bench.api.talosconfig({ roles }));
      const power = bench.power();
      const message = new RegExp(`certificate has ${has}, and os:operator is needed`);
      await assert.rejects(power.request("reboot"), { message });
      assert.match(await power.checkCredentials() ?? "", message);
    });
  }
});

Deno.test("credentials that the server rejects are explained", async (t) => {
  await using bench = await Bench.start();
  const ca = bench.api.authority.certificate;
  const roles = ["os:operator"];
  const other = await createAuthority();
  const past = new Date("2026-01-01T00:00:00Z");
  const future = new Date("2126-01-01T00:00:00Z");
  const cases = [
    [
      "an expired certificate",
      talosconfigText({
        ca,
        client: await issueClient(bench.api.authority, {
          roles,
          notBefore: new Date("2025-12-31T00:00:00Z"),
          notAfter: past,
        }),
      }),
      /the client certificate expired at 2026-01-01T00:00:00\.000Z; renew the talosconfig/,
      true,
    ],
    [
      "a certificate that is not valid yet",
      talosconfigText({
        ca,
        client: await issueClient(bench.api.authority, { roles, notBefore: future }),
      }),
      /not valid before 2126-01-01T00:00:00\.000Z, .*check the clocks/,
      true,
    ],
    [
      "another cluster's certificate",
      talosconfigText({ ca, client: await issueClient(other, { roles }) }),
      /does not accept the client certificate .*belongs to another cluster, or the CA was rotated/,
      false,
    ],
    [
      "another cluster's CA",
      talosconfigText({
        ca: other.certificate,
        client: await issueClient(bench.api.authority, { roles }),
      }),
      /CA has not signed .*belongs to another cluster, or the CA was rotated/,
      false,
    ],
  ] as const;
  for (const [what, text, message, seenAtStart] of cases) {
    await t.step(what, async () => {
      await bench.writeTalosconfig(text);
      const power = bench.power();
      await assert.rejects(power.request("powerdown"), { message });
      const atStart = await power.checkCredentials();
      if (seenAtStart) assert.match(atStart ?? "", message);
      else assert.equal(atStart, undefined);
    });
  }
  assert.deepEqual(bench.api.calls.methods, []);
});

Deno.test("credentials that fit no one are an error without a call", async (t) => {
  await using bench = await Bench.start();
  const [one, two] = [
    await issueClient(bench.api.authority, { roles: ["os:operator"] }),
    await issueClient(bench.api.authority, { roles: ["os:operator"] }),
  ];
  const ca = bench.api.authority.certificate;
  const whole = talosconfigText({ ca, client: one });
  const cases = [
    ["missing", undefined, /there is no such file; set --talosconfig/],
    ["empty", "", /it is empty/],
    ["half written", whole.slice(0, whole.length / 2), /talosconfig .*half written|is missing/],
    [
      "the key of another certificate",
      talosconfigText({ ca, client: { certificate: one.certificate, key: two.key } }),
      /key: it is the key of another certificate/,
    ],
  ] as const;
  for (const [what, text, message] of cases) {
    await t.step(what, async () => {
      if (text === undefined) await Deno.remove(bench.talosconfig);
      else await bench.writeTalosconfig(text);
      const power = bench.power();
      await assert.rejects(power.request("powerdown"), { message });
      assert.match(await power.checkCredentials() ?? "", message);
    });
  }
  await bench.writeTalosconfig(whole);
  const power = bench.power({ context: "other" });
  await assert.rejects(power.request("powerdown"), { message: /--talos-context can be: default/ });
  assert.deepEqual(bench.api.calls.methods, []);
});

Deno.test("good credentials have no fault at start", async () => {
  await using bench = await Bench.start();
  assert.equal(await bench.power().checkCredentials(), undefined);
  const admin = await bench.api.talosconfig({ roles: ["os:admin"] });
  await bench.writeTalosconfig(admin);
  assert.equal(await bench.power().checkCredentials(), undefined);
  assert.deepEqual(bench.api.calls.methods, []);
});

Deno.test("endpoints that cannot do are seen at start", async (t) => {
  await using bench = await Bench.start();
  const set = /set --talos-endpoint to this node's address \(status\.hostIP\)/;
  const cases = [
    ["none", [], [], set],
    ["talos.default", ["talos.default"], [], /talos\.default is only the control planes; set/],
    ["talos.default and ours", ["talos.default"], ["10.0.0.3"], undefined],
    ["no endpoint", ["http://x"], [], /only https/],
    ["no explicit endpoint", [], ["a b"], /"a b" is none/],
  ] as const;
  for (const [what, theirs, ours, message] of cases) {
    await t.step(what, async () => {
      await bench.writeTalosconfig(await bench.api.talosconfig({ endpoints: theirs }));
      const fault = await bench.power({ endpoints: ours }).checkCredentials();
      if (message === undefined) assert.equal(fault, undefined);
      else assert.match(fault ?? "", message);
    });
  }
  await t.step("an action without one says so", async () => {
    await bench.writeTalosconfig(await bench.api.talosconfig({ endpoints: [] }));
    await assert.rejects(bench.power({ endpoints: [] }).request("powerdown"), { message: set });
  });
});

Deno.test("after a TLS failure the talosconfig is read again, and the call made", async () => {
  await using bench = await Bench.start();
  const fresh = await bench.api.talosconfig();
  const stale = talosconfigText({
    ca: bench.api.authority.certificate,
    client: await issueClient(bench.api.authority, {
      roles: ["os:operator"],
      notBefore: new Date(Date.now() - 2 * MINUTE_MS),
      notAfter: new Date(Date.now() - MINUTE_MS),
    }),
  });
  await bench.writeTalosconfig(stale);
  bench.log.onLine = (line) => {
    if (/again/.test(line.message)) Deno.writeTextFileSync(bench.talosconfig, fresh);
  };
  await bench.power().request("powerdown");
  assert.deepEqual(bench.api.calls.methods, ["Shutdown"]);
  assert.match(String(bench.log.matching(/again/)[0]?.fields["reason"]), /expired at/);
});

Deno.test("the talosconfig is read again only once", async () => {
  await using bench = await Bench.start();
  await bench.writeTalosconfig(talosconfigText({
    ca: bench.api.authority.certificate,
    client: await issueClient(await createAuthority(), { roles: ["os:operator"] }),
  }));
  await assert.rejects(bench.power().request("powerdown"));
  assert.equal(bench.log.matching(/again/).length, 1);
});

Deno.test("after UNAUTHENTICATED the call is made once more", async () => {
  await using bench = await Bench.start();
  await bench.api.fault({ fault: "status", code: 16, times: 1 });
  await bench.power().request("powerdown");
  assert.deepEqual(bench.api.calls.methods, ["Shutdown", "Shutdown"]);
});

Deno.test("after the server's CA was rotated, a fresh talosconfig is taken", async () => {
  await using bench = await Bench.start();
  const rotated = await createAuthority();
  const server = await issueServer(rotated, { ips: ["127.0.0.1"] });
  await bench.api.fault({ fault: "certificate", ...server });
  const client = await issueClient(bench.api.authority, { roles: ["os:operator"] });
  const ca = `${bench.api.authority.certificate}${rotated.certificate}`;
  bench.log.onLine = (line) => {
    if (!/again/.test(line.message)) return;
    Deno.writeTextFileSync(bench.talosconfig, talosconfigText({ ca, client }));
  };
  await bench.power().request("powerdown");
  assert.deepEqual(bench.api.calls.methods, ["Shutdown"]);
});

Deno.test("the next endpoint is asked when one is unreachable or not the right one", async (t) => {
  await using bench = await Bench.start();
  await using silent = new RawServer(saySilent);
  const strange = await FakeTalosApi.start();
  await using _strange = strange;
  const first = [["refused", NOBODY], ["silent", silent.endpoint], ["strange", strange.endpoint]];
  for (const [what = "", endpoint = ""] of first) {
    await t.step(what, async () => {
      const before = bench.api.calls.all.length;
      const endpoints = [endpoint, bench.api.endpoint];
      await bench.power({ endpoints, callTimeoutMs: 500 }).request("powerdown");
      assert.equal((await bench.api.calls.waitFor(before + 1)).length, before + 1);
    });
  }
  assert.deepEqual(strange.calls.methods, []);
});

Deno.test("after UNAVAILABLE the next endpoint is asked, after other codes not", async () => {
  await using bench = await Bench.start();
  const endpoints = [bench.api.endpoint, bench.api.endpoint];
  await bench.api.fault({ fault: "status", code: 14, times: 1 });
  await bench.power({ endpoints }).request("powerdown");
  assert.equal(bench.api.calls.all.length, 2);
  await bench.api.fault({ fault: "status", code: 9 });
  await assert.rejects(bench.power({ endpoints }).request("powerdown"));
  assert.equal(bench.api.calls.all.length, 3);
});

Deno.test("when no endpoint does, each is named with its reason", async () => {
  await using bench = await Bench.start();
  await bench.api.fault({ fault: "status", code: 14, message: "restarting" });
  const endpoints = [NOBODY, bench.api.endpoint];
  await assert.rejects(bench.power({ endpoints }).request("powerdown"), {
    message: new RegExp(
      `${NOBODY} cannot be reached \\(Connection refused.*; ` +
        `${bench.api.endpoint} answered UNAVAILABLE \\(14\\) "restarting"`,
    ),
  });
});

Deno.test("a call that may have been obeyed is not repeated elsewhere, and says so", async (t) => {
  await using bench = await Bench.start();
  const endpoints = [bench.api.endpoint, bench.api.endpoint];
  for (const fault of [{ fault: "never" }, { fault: "cut", after: "request" }] as const) {
    await t.step(fault.fault, async () => {
      const before = bench.api.calls.all.length;
      await bench.api.fault(fault);
      await assert.rejects(
        bench.power({ endpoints, callTimeoutMs: 300 }).request("powerdown"),
        {
          message: /^it is not known whether Talos accepted the shutdown: .*it was not repeated$/,
        },
      );
      assert.equal(bench.api.calls.all.length, before + 1);
    });
  }
});

Deno.test("another node's endpoint in the talosconfig is never shut down", async (t) => {
  await using bench = await Bench.start({
    hostname: "CP-1.example.com",
    ips: [NOT_LOOPBACK, "127.0.0.1"],
  });
  const other = `${NOT_LOOPBACK}:${bench.api.port}`;
  await bench.writeTalosconfig(await bench.api.talosconfig({ endpoints: [other] }));
  await t.step("its name is not ours", async () => {
    const power = bench.power({ endpoints: [], hostName: () => "w-3" });
    await assert.rejects(power.request("powerdown"), {
      message: new RegExp(
        `endpoint ${other} is node 'CP-1.example.com', not this node 'w-3'; ` +
          "set --talos-endpoint to this node's address \\(status\\.hostIP\\)",
      ),
    });
    assert.deepEqual(bench.api.calls.methods, ["Hostname"]);
  });
  await t.step("it does not tell its name", async () => {
    await bench.api.fault({ fault: "status", code: 12, method: "Hostname" });
    const power = bench.power({ endpoints: [], hostName: () => "cp-1" });
    await assert.rejects(power.request("powerdown"), { message: /UNIMPLEMENTED/ });
    await bench.api.fault({ fault: "none" });
    assert(!bench.api.calls.methods.includes("Shutdown"));
  });
  await t.step("its name is ours", async () => {
    await bench.power({ endpoints: [], hostName: () => "cp-1" }).request("powerdown");
    assert.deepEqual(bench.api.calls.methods.slice(-2), ["Hostname", "Shutdown"]);
  });
  await t.step("it is given explicitly", async () => {
    const before = bench.api.calls.all.length;
    await bench.power({ endpoints: [other], hostName: () => "w-3" }).request("powerdown");
    assert.deepEqual(bench.api.calls.methods.slice(before), ["Shutdown"]);
  });
});

Deno.test("our own endpoint is found among others of the talosconfig", async () => {
  await using bench = await Bench.start({ hostname: "w-3" });
  await using other = await FakeTalosApi.start({
    authority: bench.api.authority,
    hostname: "cp-1",
    ips: [NOT_LOOPBACK],
  });
  const endpoints = [`${NOT_LOOPBACK}:${other.port}`, NOBODY, bench.api.endpoint];
  await bench.writeTalosconfig(await bench.api.talosconfig({ endpoints }));
  await bench.power({ endpoints: [], hostName: () => "w-3" }).request("powerdown");
  assert.deepEqual(other.calls.methods, ["Hostname"]);
  assert.deepEqual(bench.api.calls.methods, ["Shutdown"]);
});

Deno.test("what came of power actions, calls and credentials is published", async () => {
  await using bench = await Bench.start();
  const power = bench.power();
  await power.request("powerdown");
  await power.request("powerdown");
  await assert.rejects(power.request("reboot"));
  const { activity } = bench;
  assert.deepEqual(
    activity.of("power").map((
      { action, forced, outcome, code },
    ) => [action, forced, outcome, code]),
    [
      ["shutdown", false, "accepted", "OK"],
      ["shutdown", false, "repeated", undefined],
      ["reboot", false, "failed", undefined],
    ],
  );
  assert.deepEqual(activity.of("talos-call").at(-1)?.code, "OK");
  assert.deepEqual(activity.of("talos-call").at(-1)?.method, "Shutdown");
  const [credentials] = activity.of("credentials");
  assert.equal(credentials?.source, "talosconfig");
  assert.ok(Number(credentials?.expires) > Date.now() / 1000);
});

Deno.test("a refused power action is published with Talos' code", async () => {
  await using bench = await Bench.start();
  await bench.writeTalosconfig(await bench.api.talosconfig({ roles: ["os:reader"] }));
  await assert.rejects(bench.power().request("reboot"));
  const [power] = bench.activity.of("power");
  assert.deepEqual([power?.action, power?.outcome, power?.code], [
    "reboot",
    "failed",
    "PERMISSION_DENIED",
  ]);
});

Deno.test("credentials that cannot be read are published with the reason", async () => {
  await using bench = await Bench.start();
  const power = bench.power({ talosconfig: bench.directory.path });
  await power.checkCredentials();
  await bench.writeTalosconfig("half:");
  await power.checkCredentials();
  const [good, bad] = bench.activity.of("credentials");
  assert.deepEqual([good?.source, good?.error], ["serviceAccount", undefined]);
  assert.deepEqual([bad?.source, bad?.expires], ["serviceAccount", undefined]);
  assert.match(bad?.error ?? "", /it has no contexts/);
});
