import { GrowingBytes } from "../../agent/memory/growing_bytes.ts";
import { ResultWithBytes } from "../../agent/protocol/command_result.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "../../agent/protocol/json_value.ts";

/**
 * What a command returned as the client sees it: without the members that are undefined, and with base64
 * text for bytes, which are given back.
 */
export function plainResult(result: JsonObject | ResultWithBytes): JsonObject;
export function plainResult(result: JsonValue | ResultWithBytes): JsonValue;
export function plainResult(result: JsonValue | ResultWithBytes): JsonValue {
  if (!(result instanceof ResultWithBytes)) return withoutUndefined(result);
  using _result = result;
  const members = Object.entries(result.members).map(([name, value]) =>
    [name, value instanceof GrowingBytes ? value.bytes.toBase64() : value] as const
  );
  return withoutUndefined(Object.fromEntries(members));
}

function withoutUndefined(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(withoutUndefined);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, member]) =>
      member === undefined ? [] : [[name, withoutUndefined(member)]]
    ),
  );
}
