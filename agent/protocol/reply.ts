import type { JsonValue } from "./json_value.ts";
import { JsonWriter } from "./json_writer.ts";
import type { QapiError } from "./qapi_error.ts";

/** The line that tells a success; `delimited` puts byte 0xFF before it. */
export function successReply(
  result: JsonValue,
  id: JsonValue | undefined,
  delimited: boolean,
): Uint8Array {
  const writer = new JsonWriter();
  if (delimited) writer.raw("\u00ff");
  beginReturn(writer);
  writer.write(result);
  endReply(writer, id);
  return writer.written();
}

/** The line that tells an error. */
export function errorReply(error: QapiError, id: JsonValue | undefined): Uint8Array {
  const writer = new JsonWriter();
  writer.raw('{"error": ');
  writer.write({ class: error.errorClass, desc: error.message });
  endReply(writer, id);
  return writer.written();
}

/** Writes what stands before the value of a success. */
export function beginReturn(writer: JsonWriter): void {
  writer.raw('{"return": ');
}

/** Writes what stands behind the value of a reply: the request's id, if it had one. */
export function endReply(writer: JsonWriter, id: JsonValue | undefined): void {
  if (id !== undefined) {
    writer.raw(', "id": ');
    writer.write(id);
  }
  writer.raw("}\n");
}
