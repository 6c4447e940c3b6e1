import assert from "node:assert/strict";
import fc from "fast-check";
import { checkProperty } from "../../tests/harness/property.ts";
import { type JsonLimits, JsonMessageStream } from "./json_message_stream.ts";
import type { JsonValue } from "./json_value.ts";
import { writeJson } from "./json_writer.ts";

const encoder = new TextEncoder();
const PING = '{"execute":"guest-ping"}';
const PONG = '= {"execute": "guest-ping"}';

/** The bytes of a text whose characters stand for one byte each. */
function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** The messages of a stream: a value as `= JSON`, an error as its text without `JSON parse error,`. */
function messages(bytes: Uint8Array, limits?: JsonLimits, cuts: readonly number[] = []): string[] {
  const stream = new JsonMessageStream(limits);
  const all = [...cuts, bytes.length];
  let start = 0;
  return all.flatMap((end) => {
    // The chunk is reused, as a channel does.
    const chunk = bytes.slice(start, end);
    start = Math.max(start, end);
    const found = stream.feed(chunk).map((message) =>
      "value" in message
        ? `= ${writeJson(message.value)}`
        : message.error.replace(/^JSON parse error, /, "")
    );
    chunk.fill(0x7b);
    return found;
  });
}

const stray = (text: string): string => `stray '${text}'`;
const FF = stray("\ufffd");

/** What qemu-ga 7.2 answers to these bytes, one character a byte. */
const TRANSCRIPT: readonly (readonly [string, readonly string[]])[] = [
  // Values.
  ["{}", ["= {}"]],
  ["[]", ["= []"]],
  [PING + PING + PING, [PONG, PONG, PONG]],
  [` ${PING}\r\n\t${PING}\n`, [PONG, PONG]],
  ["0e1 ", ["= 0", "invalid keyword 'e'", "= 1"]],
  ["null ", ["= null"]],
  ["{'a':'b\"c\\'d'}", ['= {"a": "b\\"c\'d"}']],
  ['["\\ud834\\udd1e\xc3\xa9\\u007f\\u0000\\/\\b\\f\\n\\r\\t\\\\\\"\\\'"]', [
    '= ["\\uD834\\uDD1E\\u00E9\\u007F\\u0000/\\b\\f\\n\\r\\t\\\\\\"\'"]',
  ]],
  ['["\x7f\xc2\x80\xc0\x80\xf0\x9f\x98\x80\xef\xbf\xbd"]', [
    '= ["\\u007F\\u0080\\u0000\\uD83D\\uDE00\\uFFFD"]',
  ]],
  ['{"__proto__":1,"constructor":2}', ['= {"__proto__": 1, "constructor": 2}']],
  // Strings.
  ['{"a":"\\q"}', ["invalid escape sequence in string"]],
  ['{"a":"\\U0041"}', ["invalid escape sequence in string"]],
  ['{"a":"\\ud800"}', ["\\ud800 is not a valid Unicode character"]],
  ['{"a":"\\ud800\\u0041"}', ["\\ud800 is not a valid Unicode character"]],
  ['{"a":"\\udc00"}', ["\\udc00 is not a valid Unicode character"]],
  ['{"a":"\\u12g4"}', ["\\u12g4 is not a valid Unicode character"]],
  ['{"a":"\\u12"}', ['\\u12" is not a valid Unicode character']],
  // As many bytes as the escape should have are shown, whatever they are.
  ['{"a":"\\u12\xc3\xa9"}', ["\\u12é is not a valid Unicode character"]],
  ['{"a":"\\u12\xc3\xa94"}', ["\\u12é is not a valid Unicode character"]],
  ['{"a":"\\u1\xf0\x9f\x98\x80"}', ["\\u1\ufffd is not a valid Unicode character"]],
  ['{"a":"\\u12\x804"}', ["\\u12\ufffd4 is not a valid Unicode character"]],
  // Of several mistakes the first one is reported.
  ['{"a":"\\q\x80"}', ["invalid escape sequence in string"]],
  ['{"a":"\x80\\q"}', ["invalid UTF-8 sequence in string"]],
  ['{"a":"\\\x80"}', ["invalid escape sequence in string"]],
  ['{"a":"\\ud800\x80"}', ["\\ud800 is not a valid Unicode character"]],
  ['{"a":"\\n\x80\\ud800"}', ["invalid UTF-8 sequence in string"]],
  ['{"a":"\\ufffe"}', ["\\ufffe is not a valid Unicode character"]],
  ['{"a":"\\uFDD0"}', ["\\uFDD0 is not a valid Unicode character"]],
  ['{"a":"\xc3"}', ["invalid UTF-8 sequence in string"]],
  ['{"a":"\xed\xa0\x80"}', ["invalid UTF-8 sequence in string"]],
  ['{"a":"\xf8\x88"}', ["invalid UTF-8 sequence in string"]],
  ['["\xf4\x90\x80\x80"]', ["invalid UTF-8 sequence in string"]],
  ['{"a":"\xef\xbf\xbf\xef\xb7\x90"}', ["invalid UTF-8 sequence in string"]],
  // Grammar.
  ["[}", ["expecting value"]],
  ["{]", ["expecting value"]],
  [":", ["expecting value"]],
  [",", ["expecting value"]],
  [`} ${PING}`, ["expecting value", PONG]],
  [`]${PING}`, ["expecting value", PONG]],
  ['["a",]', ["expecting value"]],
  ["[,]", ["expecting value"]],
  ["{,}", ["expecting value"]],
  ['{"a":}', ["expecting value"]],
  ['{"a":1,,}', ["expecting value"]],
  ['{"a":{"b":[1,2,{"c":}]}}', ["expecting value"]],
  ["{[,]:2}", ["expecting value"]],
  ['{"a"}', ["missing : in object pair"]],
  ['{"a":1 "b":1}', ["expected separator in dict"]],
  ['["a" "b"]', ["expected separator in list"]],
  ["[1 2]", ["expected separator in list"]],
  ['{{"a":1}:2}', ["key is not a string in object"]],
  ['{["a"]:2}', ["key is not a string in object"]],
  ["{null:2}", ["key is not a string in object"]],
  ['{"a":1,"a":2}', ["duplicate key"]],
  ['{"a":1,"a":}', ["expecting value"]],
  ['{"a":1,"a"}', ["missing : in object pair"]],
  ['{"a":tru}', ["invalid keyword 'tru'"]],
  ["[nan]", ["invalid keyword 'nan'"]],
  ['{"a":[}', []],
  // Stray bytes and the way back.
  [`\xef\xbb\xbf${PING}`, [FF, PONG]],
  ["\x00", [stray("")]],
  [`${PING}\x00${PING}`, [PONG, stray(""), PONG]],
  ["// x", [stray("/")]],
  [`@foo bar ${PING}`, [stray("@"), PONG]],
  [`@\x00${PING}`, [stray("@"), stray(""), PONG]],
  [`@\x01\x02${PING}`, [stray("@"), stray("\x01"), stray("\x02"), PONG]],
  [`@\t${PING}`, [stray("@"), PONG]],
  ['@a\n"b"', [stray("@"), '= "b"']],
  ["@a:b ", [stray("@"), "expecting value", "invalid keyword 'b'"]],
  [`abcABC ${PING}`, ["invalid keyword 'abc'", stray("A"), PONG]],
  [`01 ${PING}`, [stray("01"), PONG]],
  [`1e ${PING}`, [stray("1e "), PONG]],
  [`-a${PING}`, [stray("-a"), PONG]],
  [`- ${PING}`, [stray("- "), PONG]],
  [`1.${PING}`, [stray("1.{"), "expecting value", '= "guest-ping"', "expecting value"]],
  ['"ab\tc"', [stray('"ab\t')]],
  ['{"execute":"guest-\x00ping"}', [stray('"guest-'), "expecting value"]],
  // 0xFF in each state of the lexer.
  [`\xff\xff\xff${PING}`, [FF, FF, FF, PONG]],
  [`"a\xffb" ${PING}`, [stray('"a\ufffd'), PONG]],
  [`'\xfe${PING}`, [stray("'\ufffd"), PONG]],
  [`"\\\xff${PING}`, [stray('"\\\ufffd'), PONG]],
  [`nul\xff${PING}`, ["invalid keyword 'nul'", FF, PONG]],
  [`-\xff${PING}`, [stray("-\ufffd"), PONG]],
  [`0\xff${PING}`, ["= 0", FF, PONG]],
  [`1\xff${PING}`, ["= 1", FF, PONG]],
  [`1.\xff${PING}`, [stray("1.\ufffd"), PONG]],
  [`1.5\xff${PING}`, ["= 1.5", FF, PONG]],
  [`1e\xff${PING}`, [stray("1e\ufffd"), PONG]],
  [`1e+\xff${PING}`, [stray("1e+\ufffd"), PONG]],
  [`1e5\xff${PING}`, ["= 100000", FF, PONG]],
  [`@\xff${PING}`, [stray("@"), FF, PONG]],
  [`[[\xff${PING}`, [FF, PONG]],
  [`{"a":\xfe${PING}`, [FF, PONG]],
];

Deno.test("the stream is understood as qemu-ga understands it, in one chunk or byte by byte", () => {
  for (const [input, expected] of TRANSCRIPT) {
    const bytes = latin1(input);
    assert.deepEqual(messages(bytes), expected, JSON.stringify(input));
    const everywhere = Array.from(bytes.keys());
    assert.deepEqual(messages(bytes, undefined, everywhere), expected, JSON.stringify(input));
  }
});

Deno.test("a request is one message wherever it is cut, also amid UTF-8", () => {
  const text =
    '{"execute":"guest-sync","arguments":{"id":-12.5e+3,"b":true},"id":"é€😀\\ud83d\\ude00"}';
  const bytes = encoder.encode(text);
  const whole = messages(bytes);
  assert.equal(whole.length, 1);
  for (let cut = 0; cut <= bytes.length; cut++) {
    assert.deepEqual(messages(bytes, undefined, [cut]), whole, `cut at ${cut}`);
  }
});

Deno.test("a message is complete at its closing bracket, before any newline", () => {
  const stream = new JsonMessageStream();
  assert.deepEqual(stream.feed(latin1(PING.slice(0, -1))), []);
  assert.equal(stream.feed(latin1("}")).length, 1);
  assert.deepEqual(stream.feed(latin1("\n")), []);
});

Deno.test("integers of int64 and uint64 are exact, other numbers are doubles", () => {
  const read = (text: string): unknown => {
    const [message] = new JsonMessageStream().feed(latin1(`[${text}]`));
    return message !== undefined && "value" in message && Array.isArray(message.value)
      ? message.value[0]
      : message;
  };
  const cases: readonly (readonly [string, bigint | number])[] = [
    ["0", 0n],
    ["-0", 0n],
    ["9007199254740993", 9007199254740993n],
    ["9223372036854775807", 2n ** 63n - 1n],
    ["-9223372036854775808", -(2n ** 63n)],
    ["9223372036854775808", 2n ** 63n],
    ["18446744073709551615", 2n ** 64n - 1n],
    ["18446744073709551616", 2 ** 64],
    ["-9223372036854775809", -(2 ** 63)],
    ["1.0", 1],
    ["-0.0", -0],
    ["1e3", 1000],
    ["1E-7", 1e-7],
    ["5e-324", 5e-324],
    ["1.7976931348623157e308", Number.MAX_VALUE],
  ];
  for (const [text, value] of cases) assert.ok(Object.is(read(text), value), text);
});

Deno.test("a number beyond the doubles is an error, since no reply could repeat it", () => {
  assert.deepEqual(messages(latin1("[1e400]")), ["number 1e400 is out of range"]);
  const digits = "9".repeat(400);
  assert.deepEqual(messages(latin1(`[-${digits}]`)), [`number -${digits} is out of range`]);
});

const LIMITS: JsonLimits = { tokenBytes: 40, tokenCount: 12, nesting: 3 };

Deno.test("a message over a limit is one error, and the next request works", () => {
  const size = "JSON token size limit exceeded";
  const count = "JSON token count limit exceeded";
  const nesting = "JSON nesting depth limit exceeded";
  const cases: readonly (readonly [string, ...string[]])[] = [
    [`{"a":"${"x".repeat(50)}","b":["${"y".repeat(80)}"]}`, size],
    [`["${"x".repeat(50)}"]`, size],
    [`["${"x".repeat(20)}","${"x".repeat(20)}",{"a":1}]`, size],
    [`"${"x".repeat(50)}"`, size],
    [`${"1".repeat(50)} `, size],
    [`["${"x".repeat(50)}\xff`, size, FF],
    ["[1,1,1,1,1,1,1]", count],
    ["[1,1,1,1,1,1,1\xff", count, FF],
    ["[[[[]]]]", nesting],
    ['{"a":[{"b":[[[]]]}]}', nesting],
  ];
  for (const [input, ...errors] of cases) {
    const bytes = latin1(input + PING);
    const seen = messages(bytes, LIMITS);
    assert.deepEqual(seen, [...errors, PONG], input);
    const everywhere = Array.from(bytes.keys());
    assert.deepEqual(messages(bytes, LIMITS, everywhere), seen, input);
  }
});

Deno.test("a bound that is not QEMU's is told with its reason, and what is over it is not kept", () => {
  const tokenBytes = 1024 * 1024;
  const limits = { tokenBytes, tokenCount: 100, nesting: 3, reason: "because of this" };
  const long = "x".repeat(tokenBytes);
  assert.deepEqual(messages(latin1(`{"id":"${long}"}${PING}`), limits), [
    "JSON token size limit exceeded: a request can have 1 MiB here, because of this",
    PONG,
  ]);
  assert.deepEqual(messages(latin1(`[${"1,".repeat(100)}1]${PING}`), limits), [
    "JSON token count limit exceeded: a request can have 100 tokens here, because of this",
    PONG,
  ]);
});

Deno.test("the garbage of a message is told, and nothing of a small one", () => {
  const sizes = (text: string) =>
    new JsonMessageStream().feed(latin1(text)).map(({ garbageBytes = 0 }) => garbageBytes);
  const [none, ofText = 0, ofValues = 0, ...rest] = [
    ...sizes(PING),
    ...sizes(`["${"x".repeat(3_000_000)}"]`),
    ...sizes(`[${"1,".repeat(50_000)}1]${PING}`),
  ];
  assert.equal(none, 0);
  assert.ok(ofText > 3_000_000 && ofText < 3_100_000, String(ofText));
  assert.ok(ofValues > 64 * 100_000 && ofValues < 70 * 100_000, String(ofValues));
  assert.deepEqual(rest, [0]);
});

Deno.test("an error repeats no more than the beginning of what is wrong", () => {
  const long = "1".repeat(1_000_000);
  for (const text of [`"${long}\xff`, `${long}A`, `a${"a".repeat(100_000)} `]) {
    const [message = ""] = messages(latin1(text));
    assert.ok(message.length > 50 && message.length < 5_000, String(message.length));
  }
});

Deno.test("a message at its limits is read", () => {
  assert.deepEqual(messages(latin1("[[[]]]"), LIMITS), ["= [[[]]]"]);
  assert.deepEqual(messages(latin1("[1,1,1,1,11]"), LIMITS), ["= [1, 1, 1, 1, 11]"]);
  const text = "x".repeat(36);
  assert.deepEqual(messages(latin1(`["${text}"]`), LIMITS), [`= ["${text}"]`]);
});

Deno.test("any bytes are survived, and 0xFF and a newline lead back to the next request", async () => {
  const pieces = fc.array(
    fc.oneof(
      fc.uint8Array({ maxLength: 12 }).map((bytes) => String.fromCharCode(...bytes)),
      fc.constantFrom(PING, "{", "}", "[", "]", '"', "\\", "-", "1.", "nul", "\xff", "\x00"),
    ),
    { maxLength: 12 },
  ).map((texts) => latin1(texts.join("")));
  for (const limits of [undefined, LIMITS]) {
    await checkProperty("bytes", pieces, (bytes) => {
      const stream = new JsonMessageStream(limits);
      stream.feed(bytes);
      stream.feed(latin1("\xff\n"));
      const [message, ...others] = stream.feed(latin1(PING));
      assert.ok(message !== undefined && "value" in message);
      assert.equal(`= ${writeJson(message.value)}`, PONG);
      assert.deepEqual(others, []);
    }, 500);
  }
});

const text = fc.string({ unit: "binary", maxLength: 8 })
  .filter((value) => !/\p{Noncharacter_Code_Point}|\p{Surrogate}/u.test(value));
const fraction = fc.double({ noDefaultInfinity: true, noNaN: true })
  .filter((value) => !Number.isInteger(value));
const { tree: anyJson } = fc.letrec<{ tree: JsonValue }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, true, false),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    fraction,
    text,
    fc.array(tie("tree"), { maxLength: 4 }),
    fc.dictionary(text, tie("tree"), { maxKeys: 4, noNullPrototype: false }),
  ),
}));

/** The same with objects without prototype: which one they have is not compared. */
function bare(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(bare);
  if (typeof value !== "object" || value === null) return value;
  const result: Record<string, JsonValue> = Object.create(null);
  for (const [key, member] of Object.entries(value)) result[key] = bare(member);
  return result;
}

Deno.test("a parsed object inherits nothing", () => {
  const [message] = new JsonMessageStream().feed(encoder.encode('{"a":1}'));
  const value = message !== undefined && "value" in message ? message.value : undefined;
  for (const name of ["toString", "constructor", "__proto__"]) {
    assert.equal(Reflect.get(Object(value), name), undefined);
  }
});

Deno.test("what the writer writes is read back equal, in any pieces", async () => {
  const cuts = fc.array(fc.nat(120), { maxLength: 5 });
  await checkProperty("values", fc.tuple(anyJson, cuts), ([value, positions]) => {
    const bytes = encoder.encode(`${writeJson([value])}\n`);
    const stream = new JsonMessageStream();
    let start = 0;
    const found = [...positions.toSorted((one, other) => one - other), bytes.length]
      .flatMap((end) => {
        const chunk = bytes.subarray(start, end);
        start = Math.max(start, end);
        return stream.feed(chunk);
      });
    const values = found.map((message) => "value" in message ? bare(message.value) : message.error);
    assert.deepEqual(values, [bare([value])]);
  });
});
