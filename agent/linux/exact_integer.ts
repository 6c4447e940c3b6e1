// The largest exact number, 2^53 - 1, has 16.
const MOST_DIGITS = 15;

/** The integer that decimal digits name: a number where that is exact, for a bigint takes longer. */
export function exactInteger(digits: string): number | bigint {
  return digits.length <= MOST_DIGITS ? Number(digits) : BigInt(digits);
}
