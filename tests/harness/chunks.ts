import fc from "fast-check";

/** Bytes cut into chunks, each of which is overwritten before the next one, as a reader's buffer is. */
export function* reusedChunks(bytes: Uint8Array, cuts: readonly number[]): Generator<Uint8Array> {
  const places = [...cuts.map((cut) => cut % (bytes.length + 1)), 0, bytes.length];
  const borders = [...new Set(places)].sort((one, other) => one - other);
  const buffer = new Uint8Array(bytes.length);
  for (const [index, end] of borders.entries()) {
    const chunk = bytes.subarray(borders[index - 1] ?? 0, end);
    if (chunk.length === 0) continue;
    buffer.set(chunk);
    yield buffer.subarray(0, chunk.length);
    buffer.fill(0x2f);
  }
}

/** Where to cut bytes for `reusedChunks`. */
export const anyCuts: fc.Arbitrary<number[]> = fc.array(fc.nat({ max: 10_000 }), { maxLength: 8 });
