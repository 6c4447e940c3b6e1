/** Our client against Talos' own apid; see `tests/harness/talos/realapid.ts`. */

import assert from "node:assert/strict";
import { publishNothing } from "../activity/activity.ts";
import { jsonLog } from "../log/log.ts";
import { createAuthority, issueClient } from "../../tests/harness/talos/pki.ts";
import { Realapid } from "../../tests/harness/talos/realapid.ts";
import {
  connectClient,
  registerClientCases,
  talosErrorOf,
} from "../../tests/harness/talos/client_cases.ts";
import { talosconfigText } from "../../tests/harness/talos/talosconfig_text.ts";
import { TemporaryDirectory } from "../../tests/harness/temporary_directory.ts";
import { TalosPower, type TalosPowerOptions } from "./power.ts";
import { readTalosconfig } from "./credentials/talosconfig.ts";

registerClientCases("realapid", () => Realapid.start());

Deno.test("realapid: a method that it does not have is UNIMPLEMENTED", async () => {
  await using api = await Realapid.start();
  using client = await connectClient(api.endpoint, api.talosconfigPath("operator"));
  const error = await talosErrorOf(client.hostname());
  assert.equal(error.codeName, "UNIMPLEMENTED");
});

Deno.test("realapid: a method that fails is an error that was not obeyed", async () => {
  await using api = await Realapid.start({ fail: "Reboot" });
  using client = await connectClient(api.endpoint, api.talosconfigPath("operator"));
  const error = await talosErrorOf(client.reboot({ mode: "powercycle" }));
  assert.equal(error.failure, "status");
  assert.equal(error.mayHaveHappened, false);
});

Deno.test("realapid: an expired client certificate is rejected by an alert, each time", async () => {
  await using api = await Realapid.start({ ttl: "1s" });
  await new Promise((resolve) => setTimeout(resolve, 2100));
  for (let attempt = 0; attempt < 10; attempt++) {
    const error = await talosErrorOf(
      connectClient(api.endpoint, api.talosconfigPath("operator")),
    );
    assert.equal(error.failure, "client-rejected");
    assert.match(error.text, /fatal alert: CertificateExpired/);
    assert.equal(error.mayHaveHappened, false);
  }
});

Deno.test("realapid: a client certificate of another authority is rejected", async () => {
  await using api = await Realapid.start();
  await using directory = await TemporaryDirectory.create();
  const { ca } = await readTalosconfig(api.talosconfigPath("operator"), undefined);
  assert(ca !== undefined);
  const client = await issueClient(await createAuthority(), { roles: ["os:operator"] });
  const path = await directory.write("config", talosconfigText({ ca, client }));
  const error = await talosErrorOf(connectClient(api.endpoint, path));
  assert.equal(error.failure, "client-rejected");
  assert.match(error.text, /fatal alert/);
});

Deno.test("realapid: an address that is not in its certificate is a wrong name", async () => {
  await using api = await Realapid.start({ ips: ["10.0.2.2"] });
  const error = await talosErrorOf(connectClient(api.endpoint, api.talosconfigPath("operator")));
  assert.equal(error.failure, "server-name");
  assert.match(error.text, /10\.0\.2\.2/);
});

function powerOptions(api: Realapid, role: "operator" | "reader"): TalosPowerOptions {
  return {
    talosconfig: api.talosconfigPath(role),
    context: undefined,
    endpoints: [api.endpoint],
    drainTimeoutMs: 200,
    rebootMode: "powercycle",
    hostName: () => "node-1",
    ownAddresses: () => [],
    setTcpNoDelay() {},
    log: jsonLog(() => {}),
    publish: publishNothing,
  };
}

Deno.test("realapid: a powerdown is a Shutdown, then a forced one", async () => {
  await using api = await Realapid.start();
  using power = new TalosPower(powerOptions(api, "operator"));
  await power.request("powerdown");
  const [first, second] = await api.calls.waitFor(2);
  assert.equal(first?.method, "Shutdown");
  assert.equal(Boolean(first?.request["force"]), false);
  assert.equal(second?.method, "Shutdown");
  assert.equal(second?.request["force"], true);
});

Deno.test("realapid: a reader's powerdown is refused with the role that is missing", async () => {
  await using api = await Realapid.start();
  using power = new TalosPower(powerOptions(api, "reader"));
  await assert.rejects(power.request("powerdown"), {
    message: /PERMISSION_DENIED \(7\).*has os:reader, and os:operator is needed/,
  });
  assert.deepEqual(api.calls.methods, []);
});
