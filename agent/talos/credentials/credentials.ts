import type { CredentialsSource, Publish } from "../../activity/activity.ts";
import { CertificateError, readCertificate, readCertificateDer } from "./certificate.ts";
import { formatPem, parsePem } from "./pem.ts";
import { describeKeyType, PrivateKeyError, readPrivateKey } from "./private_key.ts";
import { readTalosconfig, TalosconfigError } from "./talosconfig.ts";

/** What it takes to log in to a Talos API: a talosconfig's context, checked. */
export interface Credentials {
  /** As they are written in the talosconfig; may be empty. */
  readonly endpoints: readonly string[];
  /** PEM of each authority, one certificate each; empty = the system's authorities. */
  readonly authorities: readonly string[];
  /** PEM of the client certificate. */
  readonly certificate: string;
  /** PEM of its private key, with a label that Deno knows. */
  readonly key: string;
  /** The roles that the client certificate grants, such as `os:operator`. */
  readonly roles: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly source: CredentialsSource;
  /** Name of the context that they are from. */
  readonly context: string;
  /** The kind of the key, such as `Ed25519`. */
  readonly keyType: string;
}

/**
 * Reads a talosconfig (see `readTalosconfig`) and makes sure that the parts of its context fit
 * together, and publishes what came of it. Whether the certificate is valid today is not looked at.
 *
 * @throws TalosconfigError when it cannot be read or its parts do not fit together.
 */
export async function readCredentials(
  path: string,
  context: string | undefined,
  publish: Publish,
): Promise<Credentials> {
  const source: CredentialsSource = await isDirectory(path) ? "serviceAccount" : "talosconfig";
  try {
    const credentials = { ...await readContext(path, context), source };
    const expires = credentials.notAfter.getTime() / 1000;
    publish({ kind: "credentials", source, expires, error: undefined });
    return credentials;
  } catch (error) {
    if (error instanceof TalosconfigError) {
      publish({ kind: "credentials", source, expires: undefined, error: error.message });
    }
    throw error;
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch {
    // Reading it reports what is wrong.
    return false;
  }
}

async function readContext(
  path: string,
  context: string | undefined,
): Promise<Omit<Credentials, "source">> {
  const config = await readTalosconfig(path, context);
  const fail = (field: string, error: unknown): never => {
    if (!(error instanceof CertificateError) && !(error instanceof PrivateKeyError)) throw error;
    throw new TalosconfigError(
      `talosconfig ${path}: context ${JSON.stringify(config.context)}: ${field}: ${error.message}`,
      undefined,
      { cause: error },
    );
  };
  const attempt = <T>(field: string, read: () => T): T => {
    try {
      return read();
    } catch (error) {
      return fail(field, error);
    }
  };

  const certificate = attempt("crt", () => readCertificate(config.certificate));
  const authorities = parsePem(config.ca ?? "").filter(({ label }) => label === "CERTIFICATE");
  for (const authority of authorities) {
    attempt("ca", () => readCertificateDer(authority.bytes));
  }
  const key = await readPrivateKey(config.key, certificate.publicKeyInfo)
    .catch((error: unknown) => fail("key", error));
  return {
    endpoints: config.endpoints,
    authorities: authorities.map(({ label, bytes }) => formatPem(label, bytes)),
    certificate: config.certificate,
    key,
    roles: certificate.organizations,
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    context: config.context,
    keyType: describeKeyType(certificate.publicKeyInfo),
  };
}
