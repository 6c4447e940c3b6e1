import assert from "node:assert/strict";
import { createAuthority, issueClient, type KeyType } from "../../tests/harness/talos/pki.ts";
import { talosconfigText } from "../../tests/harness/talos/talosconfig_text.ts";
import { TemporaryDirectory } from "../../tests/harness/temporary_directory.ts";
import { checkCredentials, describeTime } from "./credentials.ts";

const HOUR_MS = 3_600_000;

/** What is found `after` milliseconds of a certificate that is valid for `lifetime`. */
async function check(
  {
    after = 0,
    lifetime = 6 * HOUR_MS,
    roles = ["os:operator"],
    keyType = "ed25519" as KeyType,
    file = "",
  },
) {
  await using directory = await TemporaryDirectory.create();
  const authority = await createAuthority({ keyType });
  // Certificates have whole seconds.
  const notBefore = new Date(Math.floor(Date.now() / 1000) * 1000);
  const notAfter = new Date(notBefore.getTime() + lifetime);
  const client = await issueClient(authority, { roles, notBefore, notAfter });
  await directory.write("config", talosconfigText({ ca: authority.certificate, client }));
  const now = new Date(notBefore.getTime() + after);
  const { lines, credentials } = await checkCredentials(`${directory.path}${file}`, undefined, now);
  const all = JSON.stringify(lines);
  for (const secret of [client.key, btoa(client.key), "PRIVATE KEY"]) {
    assert.equal(all.includes(JSON.stringify(secret).slice(1, -1)), false);
  }
  return { lines: Object.fromEntries(lines.map((line) => [line.name, line])), credentials };
}

Deno.test("credentials that do are told with context, key, time and role", async () => {
  for (const [keyType, name] of [["ed25519", "Ed25519"], ["ecdsa", "ECDSA P-256"]] as const) {
    const { lines, credentials } = await check({ keyType });
    assert.deepEqual(Object.values(lines).map(({ status }) => status), ["ok", "ok", "ok"]);
    assert.match(lines["talosconfig"]?.fact ?? "", /Secret's directory .*, context default/);
    assert.match(lines["certificate"]?.fact ?? "", new RegExp(`^${name}, .*for 6 h 0 min more$`));
    assert.equal(lines["role"]?.fact, "os:operator");
    assert.deepEqual(credentials?.roles, ["os:operator"]);
  }
});

Deno.test("a certificate that Talos should have renewed is a warning, an expired one fails", async () => {
  const status = async (after: number, lifetime = 6 * HOUR_MS) =>
    (await check({ after, lifetime })).lines["certificate"]?.status;
  assert.equal(await status(5.25 * HOUR_MS), "ok");
  assert.equal(await status(5.75 * HOUR_MS), "warning");
  assert.equal(await status(6.1 * HOUR_MS), "failed");
  assert.equal(await status(-HOUR_MS), "failed");
  const years = 10 * 365 * 24 * HOUR_MS;
  const talosconfig = async (daysLeft: number) => {
    const after = years - daysLeft * 24 * HOUR_MS;
    return (await check({ after, lifetime: years, file: "/config" })).lines["certificate"]?.status;
  };
  assert.equal(await talosconfig(8), "ok");
  assert.equal(await talosconfig(6), "warning");
});

Deno.test("the role in the certificate decides", async () => {
  for (const roles of [["os:admin"], ["os:reader", "os:operator"]]) {
    assert.equal((await check({ roles })).lines["role"]?.status, "ok");
  }
  const { lines, credentials } = await check({ roles: ["os:reader"] });
  assert.equal(lines["role"]?.status, "failed");
  assert.match(lines["role"]?.fact ?? "", /has os:reader, and os:operator is needed/);
  // What the API says is still worth knowing.
  assert.ok(credentials);
});

Deno.test("no talosconfig is a way to run, one that cannot be read is a failure", async () => {
  const none = await checkCredentials(undefined, undefined, new Date());
  assert.deepEqual(none.lines.map(({ status }) => status), ["warning"]);
  assert.match(none.lines[0]?.fact ?? "", /guest-shutdown is disabled/);
  await using directory = await TemporaryDirectory.create();
  await directory.write("other-key", "context: a\ncontexts:\n  a:\n    crt: bm9uc2Vuc2U=\n");
  const cases: [string, RegExp, RegExp][] = [
    ["missing", /no such file/, /--talosconfig/],
    ["other-key", /not a PEM CERTIFICATE/, /talosctl -n CONTROL_PLANE config new/],
  ];
  for (const [file, fact, remedy] of cases) {
    const { lines: [line], credentials } = await checkCredentials(
      `${directory.path}/${file}`,
      undefined,
      new Date(),
    );
    assert.equal(line?.status, "failed");
    assert.match(line.fact, fact);
    assert.match(line.remedy ?? "", remedy);
    assert.equal(credentials, undefined);
  }
});

Deno.test("times are told by their two largest units", () => {
  const minute = 60_000;
  assert.deepEqual(
    [59_999, 29 * minute, 312 * minute, 3000 * minute].map(describeTime),
    ["0 min", "29 min", "5 h 12 min", "2 d 2 h"],
  );
});
