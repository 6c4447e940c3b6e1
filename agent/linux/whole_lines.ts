const NEWLINE = 0x0a;
const NOTHING = new Uint8Array(0);

/**
 * Cuts the bytes of a text after its lines, wherever they were cut before. Each piece is one or more
 * whole lines with the newlines at their ends, which only the last line of the text may lack. A piece is
 * valid until the next one is asked for: mostly it is the chunk itself, since the kernel gives whole
 * lines of most of its tables.
 */
export function* wholeLines(chunks: Iterable<Uint8Array>): Generator<Uint8Array, void, void> {
  let begun = NOTHING;
  for (const chunk of chunks) {
    const end = chunk.lastIndexOf(NEWLINE) + 1;
    if (end === 0) {
      begun = joined(begun, chunk);
      continue;
    }
    const lines = chunk.subarray(0, end);
    yield begun.length === 0 ? lines : joined(begun, lines);
    // A copy: the chunk is used again.
    begun = end === chunk.length ? NOTHING : chunk.slice(end);
  }
  if (begun.length > 0) yield begun;
}

/** Where the line that begins at `start` ends: at its newline, or with the bytes. */
export function lineEnd(bytes: Uint8Array, start: number): number {
  const end = bytes.indexOf(NEWLINE, start);
  return end < 0 ? bytes.length : end;
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}
