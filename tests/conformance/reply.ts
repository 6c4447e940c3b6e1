/** A number of a reply, as the agent wrote it: 1 and 1.0 are not the same. */
export class JsonNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  /** Whether it is an integer literal. */
  get isInteger(): boolean {
    return /^-?\d+$/.test(this.text);
  }
}

/** A JSON value of a reply. */
export type ReplyValue =
  | null
  | boolean
  | string
  | JsonNumber
  | readonly ReplyValue[]
  | { readonly [name: string]: ReplyValue };

/** A reviver of today's engines, which hands over the source text of a primitive value. */
type SourceReviver = (key: string, value: unknown, context?: { source?: string }) => unknown;

const keepNumbers: SourceReviver = (_key, value, context) =>
  typeof value === "number" ? new JsonNumber(context?.source ?? "") : value;

/**
 * Parses a line of an agent, without the 0xFF that may stand before it.
 *
 * @throws {SyntaxError} if it is not JSON.
 */
export function parseReply(line: string): ReplyValue {
  const text = line.startsWith("\xff") ? line.slice(1) : line;
  // The reviver makes nothing that is not in the type.
  return JSON.parse(text, keepNumbers) as ReplyValue;
}

/** Whether a value is a JSON object. */
export function isObject(
  value: ReplyValue | undefined,
): value is { readonly [name: string]: ReplyValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    !(value instanceof JsonNumber);
}

/** The member of an object, or undefined when there is none, or no object. */
export function member(value: ReplyValue | undefined, name: string): ReplyValue | undefined {
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

/** JSON of a value, as short as can be. */
export function show(value: ReplyValue | undefined): string {
  if (value === undefined) return "nothing";
  if (value instanceof JsonNumber) return value.text;
  if (isObject(value)) {
    return `{${
      Object.entries(value).map(([name, inner]) => `${name}: ${show(inner)}`).join(", ")
    }}`;
  }
  // An array, since objects are done; the type guard of Array.isArray does not know readonly ones.
  if (Array.isArray(value)) return `[${value.map((item: ReplyValue) => show(item)).join(", ")}]`;
  return JSON.stringify(value);
}
