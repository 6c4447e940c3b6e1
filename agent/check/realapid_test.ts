/** The check against Talos' own apid; see `tests/harness/talos/realapid.ts`. */

import assert from "node:assert/strict";
import { Realapid } from "../../tests/harness/talos/realapid.ts";
import { checkCredentials } from "./credentials.ts";
import { checkTalosApi } from "./talos_api.ts";

Deno.test("realapid: check tells a reader from an operator without a call that acts", async () => {
  await using api = await Realapid.start();
  for (const [role, status] of [["operator", "ok"], ["reader", "failed"]] as const) {
    const path = api.talosconfigPath(role);
    const { lines, credentials } = await checkCredentials(path, undefined, new Date());
    assert.equal(lines.find(({ name }) => name === "role")?.status, status);
    assert(credentials !== undefined);
    const answers = await checkTalosApi(credentials, {
      endpoints: [api.endpoint],
      timeoutMs: 5000,
      signal: new AbortController().signal,
      hostName: () => "node-1",
      ownAddresses: () => [],
    });
    assert.deepEqual(answers.map((line) => line.status), ["ok"]);
  }
  assert.deepEqual(api.calls.methods, []);
});
