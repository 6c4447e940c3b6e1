/** A reviver of today's engines, which hands over the source text of a primitive value. */
type SourceReviver = (key: string, value: unknown, context?: { source?: string }) => unknown;

const exact: SourceReviver = (_key, value, context) => {
  if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
  const source = context?.source ?? "";
  return /^-?\d+$/.test(source) ? BigInt(source) : value;
};

/**
 * Parses JSON; an integer that a number cannot hold exactly becomes a bigint.
 *
 * @throws {SyntaxError} if the text is not JSON.
 */
export function parseExactJson(text: string): unknown {
  return JSON.parse(text, exact);
}

/** TypeScript's library does not declare it yet. */
const { rawJSON } = JSON as typeof JSON & { rawJSON(text: string): unknown };

/** JSON of a value on one line; a bigint becomes an integer with all its digits. */
export function stringifyExactJson(value: unknown): string {
  return JSON.stringify(
    value,
    (_key, inner: unknown) => typeof inner === "bigint" ? rawJSON(inner.toString()) : inner,
  );
}
