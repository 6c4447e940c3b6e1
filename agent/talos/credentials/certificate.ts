import { DerError, formatDer, readDer, readDerChildren } from "./der.ts";
import { parsePem } from "./pem.ts";

/** What `readCertificate` throws. */
export class CertificateError extends Error {
  override readonly name = "CertificateError";
}

/** What this agent wants to know of an X.509 certificate (RFC 5280). */
export interface Certificate {
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** The subject's organizations (O): in a Talos client certificate, the roles it grants. */
  readonly organizations: readonly string[];
  /** The SubjectPublicKeyInfo in DER. */
  readonly publicKeyInfo: Uint8Array<ArrayBuffer>;
}

const SEQUENCE = 0x30;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const OBJECT_IDENTIFIER = 0x06;
const VERSION = 0xa0;
/** INTEGER 2, which is version 3. */
const VERSION_3 = "020102";
/** id-at-organizationName, 2.5.4.10. */
const ORGANIZATION = "55040a";

/**
 * Reads the first certificate of a PEM text.
 *
 * @throws CertificateError when there is none, or it is not an X.509 certificate.
 */
export function readCertificate(pem: string): Certificate {
  const block = parsePem(pem).find((candidate) => candidate.label === "CERTIFICATE");
  if (block === undefined) throw new CertificateError("there is no CERTIFICATE block in it");
  return readCertificateDer(block.bytes);
}

/**
 * Reads a certificate in DER.
 *
 * @throws CertificateError when the bytes are not an X.509 certificate.
 */
export function readCertificateDer(der: Uint8Array): Certificate {
  try {
    const whole = readDer(der);
    if (whole.end !== der.length) throw new CertificateError("more follows after it");
    const [toBeSigned] = readDerChildren(expect(whole, SEQUENCE, "Certificate"));
    const fields = readDerChildren(expect(toBeSigned, SEQUENCE, "TBSCertificate"));
    const [version, _serial, _algorithm, _issuer, validity, subject, publicKeyInfo] = fields;
    // Versions 1 and 2 have no extensions, and the TLS library aborts the program on them.
    if (version?.tag !== VERSION || version.content.toHex() !== VERSION_3) {
      throw new CertificateError("it is not of X.509 version 3");
    }
    const [notBefore, notAfter] = readDerChildren(expect(validity, SEQUENCE, "Validity"));
    return {
      notBefore: readTime(notBefore),
      notAfter: readTime(notAfter),
      organizations: readOrganizations(expect(subject, SEQUENCE, "Name")),
      publicKeyInfo: formatDer(SEQUENCE, expect(publicKeyInfo, SEQUENCE, "SubjectPublicKeyInfo")),
    };
  } catch (error) {
    if (error instanceof DerError) throw new CertificateError(error.message, { cause: error });
    throw error;
  }
}

function expect(
  element: { tag: number; content: Uint8Array } | undefined,
  tag: number,
  what: string,
): Uint8Array {
  if (element?.tag !== tag) throw new CertificateError(`there is no ${what} where one must be`);
  return element.content;
}

/** The year has two digits in a UTCTime, 50 to 99 of the last century (RFC 5280, 4.1.2.5.1). */
function readTime(element: { tag: number; content: Uint8Array } | undefined): Date {
  const text = new TextDecoder().decode(element?.content);
  const digits = element?.tag === UTC_TIME && /^\d{12}Z$/.test(text)
    ? `${Number(text.slice(0, 2)) < 50 ? "20" : "19"}${text}`
    : element?.tag === GENERALIZED_TIME && /^\d{14}Z$/.test(text)
    ? text
    : undefined;
  if (digits === undefined) throw new CertificateError("there is no Time where one must be");
  const time = new Date(digits.replace(/(....)(..)(..)(..)(..)(..)Z/, "$1-$2-$3T$4:$5:$6Z"));
  if (Number.isNaN(time.getTime())) throw new CertificateError(`${text} is not a time`);
  return time;
}

function readOrganizations(name: Uint8Array): string[] {
  const organizations: string[] = [];
  for (const relativeName of readDerChildren(name)) {
    for (const attribute of readDerChildren(relativeName.content)) {
      const [type, value] = readDerChildren(attribute.content);
      if (type?.tag !== OBJECT_IDENTIFIER || type.content.toHex() !== ORGANIZATION) continue;
      organizations.push(new TextDecoder().decode(value?.content));
    }
  }
  return organizations;
}
