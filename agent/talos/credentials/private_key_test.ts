import assert from "node:assert/strict";
import { createAuthority, type Identity, issueClient } from "../../../tests/harness/talos/pki.ts";
import { readCertificate } from "./certificate.ts";
import { formatDer, readDer, readDerChildren } from "./der.ts";
import { formatPem, parsePem } from "./pem.ts";
import { readPrivateKey, relabelPrivateKey } from "./private_key.ts";

async function read(client: Identity, key = client.key): Promise<string> {
  return await readPrivateKey(key, readCertificate(client.certificate).publicKeyInfo);
}

function labels(pem: string): string[] {
  return parsePem(pem).map(({ label }) => label);
}

Deno.test("Talos' Ed25519 label becomes that of PKCS#8, and others stay", () => {
  const body = "\nAAAA\n";
  const pem = (label: string) => `-----BEGIN ${label}-----${body}-----END ${label}-----\n`;
  assert.equal(relabelPrivateKey(pem("ED25519 PRIVATE KEY")), pem("PRIVATE KEY"));
  for (const label of ["PRIVATE KEY", "EC PRIVATE KEY", "RSA PRIVATE KEY"]) {
    assert.equal(relabelPrivateKey(pem(label)), pem(label));
  }
});

for (
  const [keyType, keyLabel, result] of [
    ["ed25519", "ED25519 PRIVATE KEY", "PRIVATE KEY"],
    ["ed25519", "PRIVATE KEY", "PRIVATE KEY"],
    ["ecdsa", "EC PRIVATE KEY", "EC PRIVATE KEY"],
    ["ecdsa", "PRIVATE KEY", "PRIVATE KEY"],
  ] as const
) {
  Deno.test(`a key of ${keyType} labelled ${keyLabel} is accepted`, async () => {
    const authority = await createAuthority({ keyType });
    const client = await issueClient(authority, { roles: ["os:operator"], keyLabel });
    assert.deepEqual(labels(client.key), [keyLabel]);
    const key = await read(client);
    assert.deepEqual(labels(key), [result]);
    // Deno's TLS aborts the program when it does not like the pair.
    Deno.createHttpClient({ cert: client.certificate, key }).close();
  });
}

Deno.test("an RSA key labelled RSA PRIVATE KEY (PKCS#1) belongs to its public key", async () => {
  const { key, spki } = await generateRsa(2048);
  assert.deepEqual(labels(await readPrivateKey(key, spki)), ["RSA PRIVATE KEY"]);
});

Deno.test("an RSA key that is too short for TLS is an error", async () => {
  const { key, spki } = await generateRsa(1024);
  await assert.rejects(readPrivateKey(key, spki), {
    name: "PrivateKeyError",
    message: /RSA key of 1024 bits/,
  });
});

for (const keyType of ["ed25519", "ecdsa"] as const) {
  Deno.test(`the key (${keyType}) of another certificate is an error`, async () => {
    const authority = await createAuthority({ keyType });
    const [ours, other] = [
      await issueClient(authority, { roles: ["os:operator"] }),
      await issueClient(authority, { roles: ["os:operator"] }),
    ];
    await assert.rejects(read(ours, other.key), {
      name: "PrivateKeyError",
      message: /key of another certificate/,
    });
  });
}

Deno.test("a key of another kind than the certificate's is an error", async () => {
  const ed25519 = await issueClient(await createAuthority(), { roles: [] });
  const ecdsa = await issueClient(await createAuthority({ keyType: "ecdsa" }), { roles: [] });
  await assert.rejects(read(ed25519, ecdsa.key), { name: "PrivateKeyError" });
  await assert.rejects(read(ecdsa, ed25519.key), { name: "PrivateKeyError" });
});

Deno.test("a damaged key is an error", async () => {
  const client = await issueClient(await createAuthority(), { roles: [] });
  const [block] = parsePem(client.key);
  assert(block !== undefined);
  for (const length of [1, 10, block.bytes.length - 1]) {
    const damaged = formatPem(block.label, block.bytes.slice(0, length));
    await assert.rejects(read(client, damaged), { name: "PrivateKeyError" });
  }
});

Deno.test("a text without a private key is an error", async () => {
  const client = await issueClient(await createAuthority(), { roles: [] });
  await assert.rejects(read(client, client.certificate), {
    name: "PrivateKeyError",
    message: /there is no PRIVATE KEY/,
  });
});

async function generateRsa(
  modulusLength: number,
): Promise<{ key: string; spki: Uint8Array<ArrayBuffer> }> {
  const keys = await crypto.subtle.generateKey(
    {
      name: "RSASSA-PKCS1-v1_5",
      hash: "SHA-256",
      modulusLength,
      publicExponent: new Uint8Array([1, 0, 1]),
    },
    true,
    ["sign", "verify"],
  );
  const pkcs8 = new Uint8Array(await crypto.subtle.exportKey("pkcs8", keys.privateKey));
  const pkcs1 = readDerChildren(readDer(pkcs8).content)[2];
  assert(pkcs1 !== undefined);
  const [sequence] = readDerChildren(pkcs1.content);
  assert(sequence !== undefined);
  return {
    key: formatPem("RSA PRIVATE KEY", formatDer(0x30, sequence.content)),
    spki: new Uint8Array(await crypto.subtle.exportKey("spki", keys.publicKey)),
  };
}
