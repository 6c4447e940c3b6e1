/** One block of a PEM text (RFC 7468). */
export interface PemBlock {
  /** What stands after BEGIN, such as `CERTIFICATE`. */
  readonly label: string;
  /** The decoded body. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----([A-Za-z0-9+/=\s]*)-----END \1-----/g;

/**
 * The blocks of a PEM text, in order; text around them is ignored. A block whose body is not
 * base64 is left out, as one that is cut short is: an empty result means "this is not PEM".
 */
export function parsePem(text: string): PemBlock[] {
  const blocks: PemBlock[] = [];
  for (const [, label, body] of text.matchAll(BLOCK)) {
    if (label === undefined || body === undefined) continue;
    const bytes = decodeBase64(body);
    if (bytes !== undefined && bytes.length > 0) blocks.push({ label, bytes });
  }
  return blocks;
}

/** Writes one PEM block, 64 characters a line, with a newline at its end (RFC 7468). */
export function formatPem(label: string, bytes: Uint8Array<ArrayBuffer>): string {
  const lines = bytes.toBase64().match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

/** Decodes standard base64 (RFC 4648 section 4), white space ignored; undefined when it is not. */
export function decodeBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  let binary: string;
  try {
    binary = atob(text);
  } catch {
    // DOMException is all that atob says; the caller knows which field it was.
    return undefined;
  }
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
