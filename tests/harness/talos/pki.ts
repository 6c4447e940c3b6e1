// @peculiar/x509 stops with an error unless the Reflect polyfill is there first.
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { readDer, readDerChildren } from "../../../agent/talos/credentials/der.ts";
import { formatPem } from "../../../agent/talos/credentials/pem.ts";

/** The kinds of key that Talos uses: Ed25519 normally, ECDSA P-256 in its FIPS mode. */
export type KeyType = "ed25519" | "ecdsa";

/** What stands in the PEM label of a private key; `EC PRIVATE KEY` has a SEC1 body. */
export type KeyLabel = "ED25519 PRIVATE KEY" | "PRIVATE KEY" | "EC PRIVATE KEY";

/** From when to when a certificate is valid. Default: from now, 24 hours. */
export interface Validity {
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

/** A certificate with its private key, both in PEM. */
export interface Identity {
  readonly certificate: string;
  readonly key: string;
}

/** A certificate authority that can issue. */
export interface Authority {
  /** The authority's own certificate in PEM. */
  readonly certificate: string;
  readonly keyType: KeyType;
  readonly keys: CryptoKeyPair;
  readonly subject: x509.X509Certificate;
}

/** What a Talos client certificate says. */
export interface ClientOptions extends Validity {
  /** The subject's O values, such as `os:operator`. */
  readonly roles: readonly string[];
  /** Default: what Talos writes for the authority's kind of key. */
  readonly keyLabel?: KeyLabel;
}

/** What a Talos server certificate says. */
export interface ServerOptions extends Validity {
  readonly ips?: readonly string[];
  readonly dns?: readonly string[];
  /** The subject's CN. */
  readonly commonName?: string;
}

const DAY_MS = 86_400_000;

const ALGORITHMS = {
  ed25519: { name: "Ed25519" },
  ecdsa: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
} as const;

/** Makes a certificate authority as Talos does: self-signed, O=talos, CA:TRUE. */
export async function createAuthority(
  options: Validity & { readonly keyType?: KeyType } = {},
): Promise<Authority> {
  const keyType = options.keyType ?? "ed25519";
  const keys = await generateKeys(keyType);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: [{ O: ["talos"] }],
    ...validity(options, 3650 * DAY_MS),
    signingAlgorithm: ALGORITHMS[keyType],
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyCertSign,
        true,
      ),
      new x509.ExtendedKeyUsageExtension([
        x509.ExtendedKeyUsage.serverAuth,
        x509.ExtendedKeyUsage.clientAuth,
      ]),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: `${certificate.toString("pem")}\n`, keyType, keys, subject: certificate };
}

/** Issues a client certificate as Talos does: subject O = roles and nothing else, EKU clientAuth. */
export async function issueClient(
  authority: Authority,
  options: ClientOptions,
): Promise<Identity> {
  return await issue(authority, {
    subject: [{ O: [...options.roles] }],
    validity: options,
    usage: x509.ExtendedKeyUsage.clientAuth,
    extensions: [],
    ...(options.keyLabel === undefined ? {} : { keyLabel: options.keyLabel }),
  });
}

/** Issues a server certificate as Talos' apid has it: EKU serverAuth, the SANs given. */
export async function issueServer(
  authority: Authority,
  options: ServerOptions,
): Promise<Identity> {
  const names: x509.JsonGeneralNames = [
    ...(options.dns ?? []).map((value) => ({ type: "dns" as const, value })),
    ...(options.ips ?? []).map((value) => ({ type: "ip" as const, value })),
  ];
  return await issue(authority, {
    subject: [{ CN: [options.commonName ?? options.dns?.[0] ?? "node"] }],
    validity: options,
    usage: x509.ExtendedKeyUsage.serverAuth,
    extensions: names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)],
  });
}

interface Issue {
  readonly subject: x509.JsonName;
  readonly validity: Validity;
  readonly usage: x509.ExtendedKeyUsage;
  readonly extensions: readonly x509.Extension[];
  readonly keyLabel?: KeyLabel;
}

async function issue(authority: Authority, issue: Issue): Promise<Identity> {
  const keys = await generateKeys(authority.keyType);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: issue.subject,
    issuer: authority.subject.subjectName,
    ...validity(issue.validity, DAY_MS),
    signingAlgorithm: ALGORITHMS[authority.keyType],
    publicKey: keys.publicKey,
    signingKey: authority.keys.privateKey,
    extensions: [
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([issue.usage]),
      await x509.AuthorityKeyIdentifierExtension.create(authority.keys.publicKey),
      ...issue.extensions,
    ],
  });
  const label = issue.keyLabel ??
    (authority.keyType === "ed25519" ? "ED25519 PRIVATE KEY" : "EC PRIVATE KEY");
  return {
    certificate: `${certificate.toString("pem")}\n`,
    key: await privateKeyPem(keys.privateKey, label),
  };
}

async function generateKeys(keyType: KeyType): Promise<CryptoKeyPair> {
  const keys = await crypto.subtle.generateKey(ALGORITHMS[keyType], true, ["sign", "verify"]);
  if (!("privateKey" in keys)) throw new Error(`WebCrypto made no key pair for ${keyType}`);
  return keys;
}

async function privateKeyPem(key: CryptoKey, label: KeyLabel): Promise<string> {
  const pkcs8 = new Uint8Array(await crypto.subtle.exportKey("pkcs8", key));
  if (label !== "EC PRIVATE KEY") return formatPem(label, pkcs8);
  // The third field of PKCS#8 is an OCTET STRING whose content is the SEC1 key (RFC 5915).
  const sec1 = readDerChildren(readDer(pkcs8).content)[2];
  if (sec1 === undefined) throw new Error("WebCrypto exported no PKCS#8");
  return formatPem(label, withCurve(sec1.content));
}

/** PKCS#8 names the curve outside of the SEC1 key; a key that stands alone must name it itself. */
function withCurve(sec1: Uint8Array): Uint8Array<ArrayBuffer> {
  const [version, privateKey, publicKey] = splitDer(readDer(sec1).content);
  if (version === undefined || privateKey === undefined || publicKey === undefined) {
    throw new Error("WebCrypto exported a SEC1 key of another form");
  }
  const content = [...version, ...privateKey, ...P256_PARAMETERS, ...publicKey];
  return new Uint8Array([0x30, content.length, ...content]);
}

/** [0] { OBJECT IDENTIFIER prime256v1 } */
const P256_PARAMETERS = Uint8Array.fromHex("a00a06082a8648ce3d030107");

function splitDer(content: Uint8Array): Uint8Array[] {
  let start = 0;
  return readDerChildren(content).map((child) => {
    const whole = content.subarray(start, child.end);
    start = child.end;
    return whole;
  });
}

function validity(options: Validity, lifetimeMs: number): { notBefore: Date; notAfter: Date } {
  const notBefore = options.notBefore ?? new Date();
  return { notBefore, notAfter: options.notAfter ?? new Date(notBefore.getTime() + lifetimeMs) };
}

function serialNumber(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  // The first bit must not be set: a serial number is positive (RFC 5280, 4.1.2.2).
  return `01${bytes.toHex().slice(2)}`;
}
