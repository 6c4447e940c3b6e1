const MINUS = 0x2d;
const DIGIT_0 = 0x30;

/** The integer that stands in decimal digits, after a minus or not, from `start` to `end`; else NaN. */
export function readDecimal(bytes: Uint8Array, start: number, end: number): number {
  const negative = start < end && bytes[start] === MINUS;
  const first = negative ? start + 1 : start;
  if (first >= end) return NaN;
  let value = 0;
  for (let index = first; index < end; index++) {
    const digit = (bytes[index] ?? 0) - DIGIT_0;
    if (digit < 0 || digit > 9) return NaN;
    value = 10 * value + digit;
  }
  return negative ? -value : value;
}

/** The integer that stands in hex digits from `start` to `end`; else NaN. */
export function readHex(bytes: Uint8Array, start: number, end: number): number {
  if (start >= end) return NaN;
  let value = 0;
  for (let index = start; index < end; index++) {
    const digit = hexDigit(bytes[index] ?? 0);
    if (digit < 0) return NaN;
    value = 16 * value + digit;
  }
  return value;
}

function hexDigit(byte: number): number {
  if (byte >= DIGIT_0 && byte <= 0x39) return byte - DIGIT_0;
  // Without the bit by which the small letters differ.
  const letter = byte & ~0x20;
  return letter >= 0x41 && letter <= 0x46 ? letter - 0x37 : -1;
}
