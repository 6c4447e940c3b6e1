import assert from "node:assert/strict";
import fc from "fast-check";
import { anyCuts } from "../../tests/harness/chunks.ts";
import { checkProperty } from "../../tests/harness/property.ts";
import { decodeJsonString, JsonStringError } from "./json_string.ts";
import { type JsonMessage, JsonMessageStream, releaseMessage } from "./json_message_stream.ts";
import { LongJsonString } from "./long_json_string.ts";
import { LongString } from "./long_string.ts";

const encoder = new TextEncoder();
const CHUNK = 64 * 1024;

function outcome(decode: () => string): string {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof JsonStringError)) throw error;
    return `error: ${error.message}`;
  }
}

function asString(_key: string, value: unknown): unknown {
  return value instanceof LongString ? value.toString() : value;
}

/** What a stream makes of a text that comes in chunks as from a channel. */
function messages(text: string, tokenBytes = 64 * 1024 * 1024): string[] {
  const stream = new JsonMessageStream({ tokenBytes, tokenCount: 1000, nesting: 10 });
  const bytes = encoder.encode(text);
  const result: string[] = [];
  for (let start = 0; start < bytes.length; start += CHUNK) {
    for (const message of stream.feed(bytes.slice(start, start + CHUNK))) {
      result.push("error" in message ? message.error : JSON.stringify(message.value, asString));
      releaseMessage(message);
    }
  }
  return result;
}

Deno.test("parts cut anywhere come to what the whole token comes to", async () => {
  const piece = fc.oneof(
    fc.string({ unit: "binary" }).map((text) => encoder.encode(text.replace(/["\\]/g, ""))),
    fc.constantFrom("\\n", "\\u00e9", "\\ud834\\udd1e", "\\ud800", "\\q", "\\u00").map((text) =>
      encoder.encode(text)
    ),
    fc.uint8Array({ maxLength: 3 }),
  );
  const token = fc.array(piece, { maxLength: 12 }).map((pieces) =>
    Uint8Array.from([0x22, ...pieces.flatMap((bytes) => [...bytes]), 0x22])
  );
  await checkProperty("parts of a string", fc.tuple(token, anyCuts), ([whole, cuts]) => {
    const expected = outcome(() => decodeJsonString(whole.slice()));
    const string = new LongJsonString(whole.length);
    const ends = cuts.map((cut) => 1 + cut % (whole.length - 1)).sort((one, other) => one - other);
    let start = 0;
    for (const end of ends) {
      string.add(whole.slice(start, end), false);
      start = end;
    }
    const finish = () => {
      using finished = string.finish(whole.slice(start), false);
      return finished.toString();
    };
    assert.equal(outcome(finish), expected);
  }, 1000);
});

Deno.test("a string of many chunks is whole, plain, escaped and with characters of several bytes", () => {
  for (
    const text of ["abcdefgh".repeat(60_000), "é\n😀\\".repeat(60_000), `${"x".repeat(300_000)}é`]
  ) {
    assert.deepEqual(messages(`{"a":${JSON.stringify(text)},"b":true}`), [
      `{"a":${JSON.stringify(text)},"b":true}`,
    ]);
  }
});

Deno.test("a long string's memory is given back, and only one that was decoded leaves garbage", () => {
  const long = `"${"x".repeat(3_000_000)}"`;
  const read = (text: string) => {
    const stream = new JsonMessageStream();
    const bytes = encoder.encode(text);
    for (let start = 0; start < bytes.length; start += CHUNK) {
      const [message] = stream.feed(bytes.slice(start, start + CHUNK));
      if (message !== undefined) return message;
    }
    throw new Error("there is no message");
  };
  const lengths = (message: JsonMessage) => message.longStrings?.map(({ length }) => length);

  const untouched = read(`{"a":${long}}`);
  assert.deepEqual(lengths(untouched), [3_000_000]);
  assert.equal(releaseMessage(untouched), 0);
  assert.deepEqual(lengths(untouched), [0]);

  const decoded = read(`[${long}]`);
  decoded.longStrings?.forEach(String);
  assert.equal(releaseMessage(decoded), 3_000_000);

  const key = read(`{${long}:1}`);
  assert.equal(releaseMessage(key), 3_000_000);

  const mistaken = read(`[${long},${long},nil,${long}]`);
  assert.ok("error" in mistaken);
  assert.deepEqual(lengths(mistaken), [3_000_000, 3_000_000]);
  // What came after the mistake, in V8's memory.
  assert.ok(releaseMessage(mistaken) < 300_000);
  assert.deepEqual(lengths(mistaken), [0, 0]);
});

Deno.test("what ends a string of many chunks is told as of a short one", () => {
  const long = "x".repeat(500_000);
  const [stray, ...more] = messages(`{"a":"${long}\u0001} {"b":true}`);
  assert.match(stray ?? "", /^JSON parse error, stray '"x+/);
  assert.deepEqual(more, ["JSON parse error, expecting value", '{"b":true}']);
  assert.deepEqual(messages(`{"a":"\\q${long}"} {"b":true}`), [
    "JSON parse error, invalid escape sequence in string",
    '{"b":true}',
  ]);
  assert.deepEqual(messages(`{"a" "${long}"} {"b":true}`), [
    "JSON parse error, missing : in object pair",
    '{"b":true}',
  ]);
  assert.deepEqual(messages(`{"a":"${long}"} {"b":true}`, 400_000), [
    "JSON token size limit exceeded",
    '{"b":true}',
  ]);
});
