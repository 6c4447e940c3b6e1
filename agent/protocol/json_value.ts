import { LongString } from "./long_string.ts";

/**
 * A JSON value as the protocol carries it. An integer literal of the wire is a `bigint`, so that
 * int64 and uint64 stay exact; a literal with a fraction or an exponent is a `number`. Handlers may
 * reply with either: an integral `number` is written as an integer. A string of many kilobytes is read as
 * a `LongString`, a key never is.
 */
export type JsonValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | LongString
  | JsonArray
  | JsonObject;

/** A JSON array; an interface because type aliases cannot refer to themselves here. */
export interface JsonArray extends ReadonlyArray<JsonValue> {}

/** A JSON object; a member that is undefined is not written. Parsed ones inherit nothing, so that a key such as `__proto__` is just a key. */
export interface JsonObject {
  readonly [key: string]: JsonValue | undefined;
}

/** Whether a value is a JSON object: neither an array nor null nor a long string. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) &&
    !(value instanceof LongString);
}
