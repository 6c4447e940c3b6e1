/** What `readDer` throws when the bytes are not a complete DER (X.690) element. */
export class DerError extends Error {
  override readonly name = "DerError";
}

/** One DER element: its identifier octet, its content, and where the next element begins. */
export interface DerElement {
  /** The identifier octet; only tag numbers below 31 are known, which is all that X.509 uses. */
  readonly tag: number;
  readonly content: Uint8Array;
  /** Offset of the first byte after this element, in the bytes that were read. */
  readonly end: number;
}

/**
 * Reads the element that starts at `offset` of `bytes` (X.690, definite lengths up to 4 bytes).
 *
 * @throws DerError when the element is cut short, or uses a form that DER forbids.
 */
export function readDer(bytes: Uint8Array, offset = 0): DerElement {
  const tag = bytes[offset];
  const first = bytes[offset + 1];
  if (tag === undefined || first === undefined) throw new DerError("the data ends early");
  if ((tag & 0x1f) === 0x1f) throw new DerError("tag numbers above 30 are not supported");
  let start = offset + 2;
  let length = first;
  if (first >= 0x80) {
    const octets = first & 0x7f;
    if (octets === 0 || octets > 4) throw new DerError(`a length of ${octets} octets`);
    length = 0;
    for (let i = 0; i < octets; i++) {
      const octet = bytes[start + i];
      if (octet === undefined) throw new DerError("the data ends early");
      length = length * 256 + octet;
    }
    start += octets;
  }
  const end = start + length;
  if (end > bytes.length) throw new DerError("the data ends early");
  return { tag, content: bytes.subarray(start, end), end };
}

/**
 * Reads the elements that follow one another in `bytes`, which is the content of a SEQUENCE or SET.
 *
 * @throws DerError as `readDer` does.
 */
export function readDerChildren(bytes: Uint8Array): DerElement[] {
  const children: DerElement[] = [];
  for (let offset = 0; offset < bytes.length;) {
    const child = readDer(bytes, offset);
    children.push(child);
    offset = child.end;
  }
  return children;
}

/** Writes one element: the identifier octet, the length, then the contents one after another. */
export function formatDer(tag: number, ...contents: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const length = contents.reduce((sum, content) => sum + content.length, 0);
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  const header = length < 0x80 ? [tag, length] : [tag, 0x80 | octets.length, ...octets];
  const element = new Uint8Array(header.length + length);
  element.set(header);
  let offset = header.length;
  for (const content of contents) {
    element.set(content, offset);
    offset += content.length;
  }
  return element;
}
