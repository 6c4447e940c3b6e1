import assert from "node:assert/strict";
import { readCredentials } from "../talos/credentials/credentials.ts";
import { publishNothing } from "../activity/activity.ts";
import { FakeTalosApi } from "../../tests/harness/talos/fake_talos_api_process.ts";
import { createAuthority, issueServer } from "../../tests/harness/talos/pki.ts";
import { TemporaryDirectory } from "../../tests/harness/temporary_directory.ts";
import { checkTalosApi, type TalosApiOptions } from "./talos_api.ts";

/** Linux connects it to this machine; loopback addresses are trusted, and this one is not. */
const NOT_LOOPBACK = "0.0.0.0";

async function check(
  api: FakeTalosApi,
  changes: Partial<TalosApiOptions> = {},
  config: { readonly roles?: readonly string[]; readonly endpoints?: readonly string[] } = {},
) {
  await using directory = await TemporaryDirectory.create();
  const path = await directory.write("config", await api.talosconfig(config));
  return await checkTalosApi(await readCredentials(path, undefined, publishNothing), {
    endpoints: [api.endpoint],
    timeoutMs: 2000,
    signal: new AbortController().signal,
    hostName: () => "node-1",
    ownAddresses: () => [],
    ...changes,
  });
}

Deno.test("the version of Talos is told, whatever the role, and nothing is asked that acts", async () => {
  await using api = await FakeTalosApi.start();
  for (const roles of [["os:operator"], ["os:reader"]]) {
    const [line, ...more] = await check(api, {}, { roles });
    assert.equal(line?.status, "ok");
    assert.match(line.fact, /^127\.0\.0\.1:\d+ is Talos v1\.13\.0, answered in \d+ ms$/);
    assert.deepEqual(more, []);
  }
  await check(api, { endpoints: [] });
  assert.deepEqual(api.calls.methods.filter((name) => !/^(Version|Hostname)$/.test(name)), []);
});

Deno.test("an endpoint that cannot do is passed over, as a shutdown does", async () => {
  await using api = await FakeTalosApi.start();
  const lines = await check(api, { endpoints: ["127.0.0.1:1", api.endpoint] });
  assert.deepEqual(lines.map(({ status }) => status), ["warning", "ok"]);
  const [line, ...more] = await check(api, { endpoints: ["127.0.0.1:1"] });
  assert.equal(line?.status, "failed");
  assert.match(line.fact, /127\.0\.0\.1:1 cannot be reached/);
  assert.match(line.remedy ?? "", /--talos-endpoint/);
  assert.deepEqual(more, []);
});

Deno.test("an endpoint of the talosconfig must be this node", async () => {
  await using api = await FakeTalosApi.start({
    host: "0.0.0.0",
    hostname: "cp-1",
    ips: [NOT_LOOPBACK],
  });
  const endpoints = [`${NOT_LOOPBACK}:${api.port}`];
  const fromFile = (hostName: string) =>
    check(api, { endpoints: [], hostName: () => hostName }, { endpoints });
  assert.deepEqual((await fromFile("cp-1")).map(({ status }) => status), ["ok"]);
  const [other] = await fromFile("w-3");
  assert.equal(other?.status, "failed");
  assert.match(other.fact, /is node 'cp-1', not this node 'w-3'$/);
  assert.match(other.remedy ?? "", /^set --talos-endpoint to this node's address/);
  const [none] = await check(api, { endpoints: [] }, { endpoints: [] });
  assert.equal(none?.status, "failed");
  assert.match(none.remedy ?? "", /set --talos-endpoint to this node's address/);
  const [planes] = await check(api, { endpoints: [] }, { endpoints: ["talos.default"] });
  assert.match(planes?.fact ?? "", /talos\.default is only the control planes/);
});

Deno.test("each way in which TLS fails has its own advice", async (t) => {
  const other = await createAuthority();
  await t.step("a server of another cluster", async () => {
    const server = await issueServer(other, { ips: ["127.0.0.1"] });
    await using api = await FakeTalosApi.start({ server });
    const [line] = await check(api);
    assert.match(line?.fact ?? "", /CA has not signed/);
    assert.match(line?.remedy ?? "", /belongs to another cluster/);
  });
  await t.step("a server with another name", async () => {
    await using api = await FakeTalosApi.start({ ips: ["10.0.2.2"] });
    const [line] = await check(api);
    assert.match(line?.fact ?? "", /certificate for other names/);
    assert.match(line?.remedy ?? "", /certSANs/);
  });
  await t.step("a client that is not let in", async () => {
    await using api = await FakeTalosApi.start({ clientCa: other.certificate });
    const [line] = await check(api);
    assert.match(line?.fact ?? "", /does not accept the client certificate/);
    assert.match(line?.remedy ?? "", /renew --talosconfig/);
  });
  await t.step("an answer that is none", async () => {
    await using api = await FakeTalosApi.start();
    await api.fault({ fault: "html", status: 404, method: "Version" });
    const [line] = await check(api);
    assert.equal(line?.status, "failed");
    assert.match(line.remedy ?? "", /is a Talos API \(port 50000\)/);
  });
});

Deno.test("an endpoint that cannot be read is named", async () => {
  await using api = await FakeTalosApi.start();
  const [line] = await check(api, { endpoints: ["http://node"] });
  assert.equal(line?.status, "failed");
  assert.match(line.fact, /http:\/\/node/);
});
