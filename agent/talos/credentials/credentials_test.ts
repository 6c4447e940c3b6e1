import assert from "node:assert/strict";
import { publishNothing } from "../../activity/activity.ts";
import { createAuthority, issueClient } from "../../../tests/harness/talos/pki.ts";
import {
  type TalosconfigParts,
  talosconfigText,
} from "../../../tests/harness/talos/talosconfig_text.ts";
import { TemporaryDirectory } from "../../../tests/harness/temporary_directory.ts";
import { type Credentials, readCredentials } from "./credentials.ts";

async function read(parts: TalosconfigParts): Promise<Credentials> {
  await using directory = await TemporaryDirectory.create();
  await directory.write("config", talosconfigText(parts));
  return await readCredentials(directory.path, undefined, publishNothing);
}

Deno.test("credentials have the roles, the dates and each authority of a bundle", async () => {
  const [old, current] = [await createAuthority(), await createAuthority({ keyType: "ecdsa" })];
  const notAfter = new Date("2030-01-01T00:00:00Z");
  const client = await issueClient(current, { roles: ["os:operator", "os:reader"], notAfter });
  const ca = `# old\n${old.certificate}# new\n${current.certificate}`;
  const credentials = await read({ ca, client });
  assert.equal(credentials.authorities.length, 2);
  assert.deepEqual([...credentials.roles].sort(), ["os:operator", "os:reader"]);
  assert.equal(credentials.notAfter.toISOString(), notAfter.toISOString());
});

Deno.test("without a ca there are no authorities of its own", async () => {
  const client = await issueClient(await createAuthority(), { roles: ["os:operator"] });
  assert.deepEqual((await read({ ca: "", client })).authorities, []);
});

const NO_CERTIFICATE = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

for (const field of ["ca", "crt", "key"] as const) {
  Deno.test(`a ${field} that cannot be used is an error that names the field`, async () => {
    const authority = await createAuthority();
    const client = await issueClient(authority, { roles: ["os:operator"] });
    const other = await issueClient(authority, { roles: ["os:operator"] });
    const parts = {
      ca: field === "ca" ? `${authority.certificate}${NO_CERTIFICATE}` : authority.certificate,
      client: {
        certificate: field === "crt" ? NO_CERTIFICATE : client.certificate,
        key: field === "key" ? other.key : client.key,
      },
    };
    await assert.rejects(read(parts), {
      name: "TalosconfigError",
      message: new RegExp(`context "default": ${field}: `),
    });
  });
}
