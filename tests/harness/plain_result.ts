import { GrowingBytes } from "../../agent/memory/growing_bytes.ts";
import { ResultWithBytes } from "../../agent/protocol/command_result.ts";
import type { JsonObject } from "../../agent/protocol/json_value.ts";

/** What a command returned as the client sees it, with base64 text for bytes, which are given back. */
export function plainResult(result: JsonObject | ResultWithBytes): JsonObject {
  if (!(result instanceof ResultWithBytes)) return result;
  using _result = result;
  return Object.fromEntries(
    Object.entries(result.members).map(([name, value]) =>
      [name, value instanceof GrowingBytes ? value.bytes.toBase64() : value] as const
    ),
  );
}
