import { formatDer, readDer, readDerChildren } from "./der.ts";
import { formatPem, parsePem } from "./pem.ts";

/** What `readPrivateKey` throws: a key that cannot be used with the certificate. */
export class PrivateKeyError extends Error {
  override readonly name = "PrivateKeyError";
}

/**
 * A private key in PEM as Deno's TLS reads it: Talos labels an Ed25519 key `ED25519 PRIVATE KEY`
 * although its body is plain PKCS#8 (RFC 5208), whose label is `PRIVATE KEY`. Deno knows only the
 * labels of PKCS#8, PKCS#1 (`RSA PRIVATE KEY`) and SEC1 (`EC PRIVATE KEY`), which stay as they are.
 */
export function relabelPrivateKey(pem: string): string {
  return pem.replaceAll(/-----(BEGIN|END) ED25519 PRIVATE KEY-----/g, "-----$1 PRIVATE KEY-----");
}

/**
 * The first private key of a PEM text, relabelled, after a proof that it belongs to the
 * certificate whose SubjectPublicKeyInfo is given. The proof is needed because Deno 2.6 does not
 * throw on a client certificate with another key: it aborts the whole program.
 *
 * @throws PrivateKeyError when there is no key, its kind is not supported (Ed25519, ECDSA P-256 and
 *   P-384, RSA of 2048 to 8192 bits are), or it belongs to another certificate.
 */
export async function readPrivateKey(
  pem: string,
  publicKeyInfo: Uint8Array<ArrayBuffer>,
): Promise<string> {
  const block = parsePem(relabelPrivateKey(pem)).find(({ label }) => label in BODIES);
  if (block === undefined) {
    throw new PrivateKeyError(`there is no ${Object.keys(BODIES).join(", ")} block in it`);
  }
  const algorithmIdentifier = readDer(readDer(publicKeyInfo).content);
  const algorithm = ALGORITHMS[algorithmIdentifier.content.toHex()];
  if (algorithm === undefined) {
    throw new PrivateKeyError("the certificate has a kind of key that is not supported");
  }
  const pkcs8 = BODIES[block.label] === "pkcs8" ? block.bytes : formatDer(
    SEQUENCE,
    VERSION_0,
    formatDer(SEQUENCE, algorithmIdentifier.content),
    formatDer(OCTET_STRING, block.bytes),
  );
  if (!await isPair(algorithm, pkcs8, publicKeyInfo)) {
    throw new PrivateKeyError("it is the key of another certificate, or damaged");
  }
  return formatPem(block.label, block.bytes);
}

const SEQUENCE = 0x30;
const OCTET_STRING = 0x04;
const VERSION_0 = new Uint8Array([0x02, 0x01, 0x00]);

/** The labels that Deno's TLS knows, with the form of their body. */
const BODIES: Readonly<Record<string, "pkcs8" | "inner">> = {
  "PRIVATE KEY": "pkcs8",
  "EC PRIVATE KEY": "inner",
  "RSA PRIVATE KEY": "inner",
};

type SigningAlgorithm = Algorithm & { readonly namedCurve?: string; readonly hash?: string };

/** WebCrypto's algorithms by the content of the AlgorithmIdentifier (RFC 8410, 5480, 3279). */
const ALGORITHMS: Readonly<Record<string, SigningAlgorithm>> = {
  "06032b6570": { name: "Ed25519" },
  "06072a8648ce3d020106082a8648ce3d030107": {
    name: "ECDSA",
    namedCurve: "P-256",
    hash: "SHA-256",
  },
  "06072a8648ce3d020106052b81040022": { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" },
  "06092a864886f70d0101010500": { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
};

/** The kind of a public key, such as `Ed25519` or `ECDSA P-256`; `unknown` for one not supported. */
export function describeKeyType(publicKeyInfo: Uint8Array<ArrayBuffer>): string {
  const algorithm = ALGORITHMS[readDer(readDer(publicKeyInfo).content).content.toHex()];
  if (algorithm === undefined) return "unknown";
  if (algorithm.namedCurve !== undefined) return `${algorithm.name} ${algorithm.namedCurve}`;
  return algorithm.name.startsWith("RSA") ? "RSA" : algorithm.name;
}

/** Whether what the private key signs is what the public key verifies. */
async function isPair(
  algorithm: SigningAlgorithm,
  pkcs8: Uint8Array<ArrayBuffer>,
  spki: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  let publicKey: CryptoKey;
  let signature: ArrayBuffer;
  const challenge = crypto.getRandomValues(new Uint8Array(32));
  try {
    readDerChildren(pkcs8);
    const privateKey = await crypto.subtle.importKey("pkcs8", pkcs8, algorithm, false, ["sign"]);
    publicKey = await crypto.subtle.importKey("spki", spki, algorithm, false, ["verify"]);
    signature = await crypto.subtle.sign(algorithm, privateKey, challenge);
  } catch {
    // WebCrypto has many errors for damaged keys, and no words in them that would help.
    return false;
  }
  checkLength(publicKey);
  return await crypto.subtle.verify(algorithm, publicKey, signature, challenge);
}

function checkLength(key: CryptoKey): void {
  if (!("modulusLength" in key.algorithm)) return;
  const bits = Number(key.algorithm.modulusLength);
  if (bits < 2048 || bits > 8192) {
    throw new PrivateKeyError(`an RSA key of ${bits} bits; TLS takes 2048 to 8192`);
  }
}
