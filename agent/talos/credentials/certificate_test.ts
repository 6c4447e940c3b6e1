import assert from "node:assert/strict";
import fc from "fast-check";
import { createAuthority, issueClient } from "../../../tests/harness/talos/pki.ts";
import { checkProperty } from "../../../tests/harness/property.ts";
import { CertificateError, readCertificate, readCertificateDer } from "./certificate.ts";
import { parsePem } from "./pem.ts";

async function clientDer(): Promise<Uint8Array> {
  const client = await issueClient(await createAuthority(), { roles: ["os:operator"] });
  const [block] = parsePem(client.certificate);
  assert(block !== undefined);
  return block.bytes;
}

for (const keyType of ["ed25519", "ecdsa"] as const) {
  Deno.test(`a client certificate (${keyType}) gives its dates and roles`, async () => {
    const authority = await createAuthority({ keyType });
    const client = await issueClient(authority, {
      roles: ["os:reader", "os:operator"],
      notBefore: new Date("2026-01-02T03:04:05Z"),
      notAfter: new Date("2051-06-07T08:09:10Z"),
    });
    const certificate = readCertificate(`text before\n${client.certificate}`);
    assert.deepEqual([...certificate.organizations].sort(), ["os:operator", "os:reader"]);
    // 2026 is written as UTCTime, 2051 as GeneralizedTime.
    assert.equal(certificate.notBefore.toISOString(), "2026-01-02T03:04:05.000Z");
    assert.equal(certificate.notAfter.toISOString(), "2051-06-07T08:09:10.000Z");
    await crypto.subtle.importKey(
      "spki",
      certificate.publicKeyInfo,
      keyType === "ed25519" ? { name: "Ed25519" } : { name: "ECDSA", namedCurve: "P-256" },
      false,
      ["verify"],
    );
  });
}

Deno.test("a certificate without roles has none", async () => {
  const client = await issueClient(await createAuthority(), { roles: [] });
  assert.deepEqual(readCertificate(client.certificate).organizations, []);
});

Deno.test("a text without a certificate is an error", () => {
  assert.throws(() => readCertificate("hello"), {
    name: "CertificateError",
    message: /no CERTIFICATE block/,
  });
});

Deno.test("a certificate that is cut short anywhere is an error", async () => {
  const der = await clientDer();
  for (let length = 0; length < der.length; length++) {
    assert.throws(() => readCertificateDer(der.subarray(0, length)), CertificateError);
  }
});

Deno.test("a certificate with more behind it is an error", async () => {
  const longer = new Uint8Array([...await clientDer(), 0]);
  assert.throws(() => readCertificateDer(longer), { message: /more follows/ });
});

Deno.test("random bytes give a certificate or a CertificateError", async () => {
  await checkProperty("random bytes", fc.uint8Array({ maxLength: 300 }), (bytes) => {
    assert.throws(() => readCertificateDer(bytes), CertificateError);
  }, 1000);
});

Deno.test("a damaged certificate gives a certificate or a CertificateError", async () => {
  const der = await clientDer();
  const damage = fc.array(
    fc.tuple(fc.nat(der.length - 1), fc.nat(255)),
    { minLength: 1, maxLength: 4 },
  );
  await checkProperty("damaged certificates", damage, (changes) => {
    const bytes = der.slice();
    for (const [at, value] of changes) bytes[at] = value;
    try {
      const certificate = readCertificateDer(bytes);
      assert(!Number.isNaN(certificate.notAfter.getTime()));
    } catch (error) {
      assert(error instanceof CertificateError, String(error));
    }
  }, 1000);
});
