import { randomNumbers } from "../harness/random.ts";

/** What an agent gets, and how many lines it must answer before it gets more. */
export interface Piece {
  readonly bytes: Uint8Array;
  /** 0: the next piece follows at once. */
  readonly linesBeforeNext: number;
}

/** Inputs of one kind; each is sent on a connection of its own. */
export interface FramingRow {
  readonly name: string;
  readonly inputs: readonly (readonly Piece[])[];
}

const encoder = new TextEncoder();
const PING = '{"execute":"guest-ping"}';
const SYNC = '{"execute":"guest-sync","arguments":{"id":1}}';

/** Bytes of texts (as UTF-8), single bytes and arrays of bytes, one after the other. */
function join(...parts: readonly (string | number | Uint8Array)[]): Uint8Array {
  const arrays = parts.map((part) => {
    if (typeof part === "string") return encoder.encode(part);
    return typeof part === "number" ? Uint8Array.of(part) : part;
  });
  const whole = new Uint8Array(arrays.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const array of arrays) {
    whole.set(array, offset);
    offset += array.length;
  }
  return whole;
}

type Text = string | Uint8Array;

const whole = (text: Text): Piece[] => [{ bytes: join(text), linesBeforeNext: 0 }];
const row = (name: string, ...inputs: readonly Text[]): FramingRow => ({
  name,
  inputs: inputs.map(whole),
});

/** A request in which a text stands as the id's JSON text. */
const withId = (id: Text): Uint8Array => join('{"execute":"guest-ping","id":', id, "}\n");
const ids = (name: string, ...texts: readonly Text[]): FramingRow =>
  row(name, ...texts.map(withId));
/** Ids that are strings with these contents. */
const strings = (name: string, ...contents: readonly Text[]): FramingRow =>
  ids(name, ...contents.map((content) => join('"', content, '"')));

/** All ways to cut a text in two; the first read ends in the middle of it for certain. */
function cuts(name: string, text: Text): FramingRow {
  const bytes = join(text);
  const inputs = Array.from({ length: bytes.length - 1 }, (_, index): Piece[] => [
    { bytes: join(PING, bytes.subarray(0, index + 1)), linesBeforeNext: 1 },
    { bytes: bytes.subarray(index + 1), linesBeforeNext: 0 },
  ]);
  return { name, inputs };
}

/** A text with some bytes put in at each place. */
function insertions(name: string, text: string, inserted: readonly number[]): FramingRow {
  const bytes = encoder.encode(text);
  return row(
    name,
    ...Array.from(
      { length: bytes.length + 1 },
      (_, index) =>
        join(bytes.subarray(0, index), Uint8Array.from(inserted), bytes.subarray(index)),
    ),
  );
}

const nested = (depth: number, open: string, close: string): string =>
  open.repeat(depth) + close.repeat(depth);

const MEBIBYTE = 1024 * 1024;

/** What lies in wait in a stream of bytes, and QEMU's dialect of JSON. */
export const FRAMING_ROWS: readonly FramingRow[] = [
  row("one request", PING, `${PING}\n`, `\r\n\t ${PING}\r\n`, ""),
  row(
    "several requests in one write",
    PING + PING,
    `${PING}\n${SYNC}\n${PING}\n`,
    SYNC.repeat(200),
    `${PING}{"execute":"nonsense"}${PING}`,
  ),
  row("a request on several lines", '{\n"execute"\n:\n"guest-ping"\n}\n'),
  row("half a request", '{"execute":"guest-ping"', '{"exec', "{", '{"execute":', '{"execute":"'),
  row("half a value", "tru", "12", "-", "1.", "1e", '"abc', "'abc", '"\\', '"\\u00', "[1,"),
  cuts("a request cut in two", '{"execute":"guest-sync","arguments":{"id":-12345}}\n'),
  cuts(
    "a request of all tokens cut in two",
    '{"execute":"guest-ping","id":[1.5e3,"ä\\u20ac\\n",null]}',
  ),
  insertions("0xFF anywhere", SYNC, [0xff]),
  insertions("0xFF twice anywhere", PING, [0xff, 0xff]),
  insertions("0xFF and a newline anywhere", PING, [0xff, 0x0a]),
  insertions("0xFE anywhere", PING, [0xfe]),
  insertions("NUL anywhere", PING, [0]),
  insertions("a control character anywhere", PING, [0x01]),
  insertions("a newline anywhere", PING, [0x0a]),
  insertions("a tab anywhere", PING, [0x09]),
  insertions("DEL anywhere", PING, [0x7f]),
  insertions("a continuation byte anywhere", PING, [0x80]),
  insertions("a brace anywhere", PING, [0x7b]),
  insertions("a closing brace anywhere", PING, [0x7d]),
  insertions("a closing bracket anywhere", PING, [0x5d]),
  insertions("a comma anywhere", SYNC, [0x2c]),
  insertions("a colon anywhere", SYNC, [0x3a]),
  insertions("a quote anywhere", PING, [0x22]),
  insertions("a single quote anywhere", PING, [0x27]),
  insertions("a backslash anywhere", PING, [0x5c]),
  row(
    "a client's beginning",
    join(0xff, '{"execute":"guest-sync-delimited","arguments":{"id":5}}\n'),
    join(0xff, "\n", '{"execute":"guest-sync-delimited","arguments":{"id":5}}\n'),
    '{"execute":"guest-sync-delimited","arguments":{"id":5},"id":6}',
    '{"execute":"guest-sync-delimited","arguments":{"id":"x"}}',
    join("\ufeff", PING),
    join("\ufeff", PING, PING),
    join("# comment\n", PING),
    join("// comment\n", PING),
    join("GET / HTTP/1.1\r\nHost: x\r\n\r\n", PING),
  ),
  row(
    "what is not an object",
    "1 ",
    "-1 ",
    "1.5 ",
    "true ",
    "null ",
    '"text"',
    "[]",
    `[${PING}]`,
    "[1,2]",
    '"a" "b"',
    "1 2 3 ",
  ),
  row(
    "stray text",
    "abc ",
    "ABC ",
    "Abc\n",
    "tRUE ",
    "nul ",
    "undefined ",
    "NaN ",
    "Infinity ",
    "-Infinity ",
    "+1 ",
    ".5 ",
    "(1) ",
    "a-b ",
    "a1 ",
    "@",
    "@@@\n@",
    "@ @\n",
    "%",
    "%d ",
    join(0xed, 0xa0, 0x80),
    join(0xc3, 0xa9, 0xc3),
    "é",
    "日本\n",
  ),
  row(
    "brackets that do not match",
    "}",
    "]",
    "{]",
    "[}",
    "[}]",
    "{]}",
    "}{",
    "][",
    "{}}",
    "[]]",
    "{[}]",
  ),
  row(
    "mistakes in objects",
    "{}",
    "{,}",
    "{1:2}",
    '{"a"}',
    '{"a":}',
    '{"a":1,}',
    '{"a":1 "b":2}',
    '{"a" 1}',
    '{"a"::1}',
    '{"a":1,,"b":2}',
    "{null:1}",
    "{[]:1}",
    '{"a":1}}',
    '{"a":{"b":{"c":}}}',
    "{a:1}",
    '{"a":b}',
    '{"a":[}',
    '{"a":[1}]',
  ),
  row(
    "mistakes in arrays",
    "[,]",
    "[1,]",
    "[1 2]",
    "[1,,2]",
    "[:]",
    "[1:2]",
    "[abc]",
    "[1,abc,2]",
    "[[[]",
    "[{]",
  ),
  row(
    "keys twice",
    '{"execute":"guest-ping","execute":"guest-ping"}',
    '{"execute":"guest-ping","id":1,"id":2}',
    '{"execute":"guest-sync","arguments":{"id":1,"id":2}}',
    '{"execute":"guest-ping","id":{"a":1,"a":1}}',
    '{"execute":"guest-ping","id":{"a":1,"a":}}',
    '{"execute":"guest-ping","id":{"a":1,"\\u0061":1}}',
    '{"execute":"guest-ping","id":{"":1,"":2}}',
    '{"a":1,"a":[1,{"b":2}],"c":3}' + PING,
  ),
  row(
    "the envelope",
    "{}",
    '{"id":1}',
    '{"execute":1}',
    '{"execute":null}',
    '{"execute":{}}',
    '{"execute":""}',
    '{"execute":"guest-ping","arguments":null}',
    '{"execute":"guest-ping","arguments":[]}',
    '{"execute":"guest-ping","arguments":1}',
    '{"execute":"guest-ping","arguments":{}}',
    '{"execute":"guest-ping","arguments":{"x":1}}',
    '{"exec-oob":"guest-ping"}',
    '{"exec-oob":"guest-ping","id":1}',
    '{"execute":"guest-ping","exec-oob":"guest-ping"}',
    '{"execute":"guest-ping","control":{}}',
    '{"execute":"guest-ping","foo":1,"id":7}',
    '{"foo":1}',
    '{"Execute":"guest-ping"}',
    '{"return":{}}',
    '{"arguments":{}}',
    '{"arguments":1,"id":{"a":[]}}',
    '{"execute":"qmp_capabilities"}',
    '{"execute":"guest-ping\\u0000"}',
    '{"execute":"guest-ping","__proto__":1}',
    '{"execute":"guest-ping","arguments":{"__proto__":1}}',
    '{"execute":"guest-ping","id":{"__proto__":{"a":1},"constructor":2}}',
    '{"execute":"__proto__"}',
    '{"execute":"a\\"b\\\\c\\n"}',
    '{"execute":"guest-ping","arguments":{"a\\"b\\n%s":1}}',
  ),
  row(
    "several mistakes at once",
    '{"execuEe":"guest-ping","d":1}',
    '{"foo":1,"bar":2,"baz":3}',
    '{"execute":1,"arguments":2}',
    '{"execute":"guest-ping","arguments":{"foo":1,"bar":2,"d":3}}',
    '{"execute":"nonsense","arguments":{"foo":1}}',
  ),
  ids(
    "ids of all kinds",
    "0",
    "null",
    "true",
    "false",
    '""',
    '"x"',
    "[]",
    "{}",
    "[1,[2,[3]]]",
    '{"a":{"b":null}}',
  ),
  ids(
    "integers at the edges",
    "-0",
    "9007199254740993",
    "2147483648",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "123456789012345678901234567890",
    "-123456789012345678901234567890",
    "1" + "0".repeat(400),
  ),
  ids(
    "floats",
    "0.0",
    "-0.0",
    "1.0",
    "1.5",
    "0.1",
    "0.30000000000000004",
    "1e3",
    "1E3",
    "1e+3",
    "1e-3",
    "1e0",
    "1.5e300",
    "1e-400",
    "4.9e-324",
    "1.7976931348623157e308",
    "123456789.123456789",
    "1e16",
    "1e17",
    "1e18",
    "100000000000000000.0",
    "0.0001",
    "0.00001",
    "1e22",
  ),
  ids("floats out of range", "1e400", "-1e400", "1e309", "[1e400]"),
  ids(
    "numbers that are none",
    "01",
    "-01",
    "00",
    "1.",
    ".1",
    "1.e3",
    "1e",
    "1e+",
    "-",
    "--1",
    "+1",
    "1.5.5",
    "0x10",
    "1e3e3",
    "1a",
    "0-1",
    "1-1",
  ),
  strings(
    "escapes",
    '\\"',
    "\\'",
    "\\\\",
    "\\/",
    "\\b\\f\\n\\r\\t",
    "\\u0041",
    "\\u00e4",
    "\\u20AC",
    "\\u20ac",
    "\\u0000",
    "a\\u0000b",
    "\\u001f",
    "\\u007f",
    "\\uffff",
    "\\ufffe",
    "\\ufdd0",
    "\\ud83d\\ude00",
    "\\ud83d",
    "\\ude00",
    "\\ud83dx",
    "\\ud83d\\u0041",
    "\\ud83d\\ud83d\\ude00",
    "\\ude00\\ud83d",
    "\\udbff\\udfff",
    "\\ud83f\\udffe",
  ),
  strings(
    "escapes that are none",
    "\\q",
    "\\0",
    "\\x41",
    "\\a",
    "\\u",
    "\\u1",
    "\\u12",
    "\\u123",
    "\\u12g4",
    "\\u 123",
    "\\uzzzz",
    "\\U0041",
    "\\é",
    "\\u12é",
    "\\u12é4",
    "\\u1😀",
    "a\\u12",
    "\\ud83d\\u12",
    "\\ud83d\\u12zz",
    "\\ud83d\\q",
    "\\ud83d\\",
    "\\u12\\n",
    "\\u12\\",
    "\\u\\\\",
    "\\qé",
    "é\\q",
  ),
  strings(
    "invalid UTF-8",
    join(0x80),
    join(0xbf),
    join(0xc0, 0x80),
    join(0xc0, 0xaf),
    join(0xc1, 0x81),
    join(0xc3),
    join(0xc3, 0x28),
    join(0xe2, 0x82),
    join(0xe2, 0x28, 0xa1),
    join(0xe0, 0x80, 0x80),
    join(0xed, 0xa0, 0x80),
    join(0xed, 0xbf, 0xbf),
    join(0xef, 0xbf, 0xbf),
    join(0xef, 0xbf, 0xbe),
    join(0xef, 0xb7, 0x90),
    join(0xf0, 0x80, 0x80, 0x80),
    join(0xf4, 0x8f, 0xbf, 0xbf),
    join(0xf4, 0x90, 0x80, 0x80),
    join(0xf5, 0x80, 0x80, 0x80),
    join(0xf8, 0x88, 0x80, 0x80, 0x80),
    join(0xfc, 0x84, 0x80, 0x80, 0x80, 0x80),
    join("a", 0x80, "b"),
    join("\\q", 0x80),
    join(0x80, "\\q"),
    join("\\u12", 0x80, "4"),
    join("\\u12", 0xc3, "4"),
    join("\\u12", 0xc3, 0xa9, "4"),
    join("\\", 0x80),
    join("\\", 0xc3, 0xa9),
    join("\\ud800", 0x80),
    join(0x80, "\\ud800"),
    join("\\ud83d\\u", 0x80),
    join(0xc0, 0x80, "\\q"),
    join("\\u12", 0xc0, 0x80),
    join("\\u1", 0xed, 0xa0, 0x80),
    join("\\u1", 0xe2, 0x28, 0xa1),
    join("\\u", 0xf8, 0x88, 0x80, 0x80),
    join("\\u", 0x80, 0x80, 0x80, 0x80),
  ),
  strings(
    "characters",
    "é",
    "日本語",
    "😀",
    "\u007f",
    "\u0080",
    "\u2028\u2029",
    "\ufeff",
    "\ufffd",
    "~",
    "<>&",
  ),
  strings("what must be escaped", "\t", "\n", "\r", "\x01", "\x1f", join(0)),
  row(
    "single quotes",
    "{'execute':'guest-ping'}",
    `{'execute':'guest-ping','id':'a"b'}`,
    `{'execute':'guest-ping','id':'a\\'b'}`,
    `{"execute":"guest-ping","id":"a'b"}`,
    `{'execute":"guest-ping"}`,
    `{'execute':'guest-ping','id':'\\ud800'}`,
    `{'execute':'guest-ping','id':'\\u12'}`,
    `{'execute':'guest-ping','id':'\\q'}`,
    join("{'execute':'guest-ping','id':'", 0x80, "'}"),
  ),
  row(
    "nesting",
    ...[1022, 1023, 1024, 1025, 5000].flatMap((depth) => [
      nested(depth, "[", "]"),
      join('{"execute":"guest-ping","id":', nested(depth, "[", "]"), "}"),
      nested(depth, '{"a":', "}"),
    ]),
    "[".repeat(1100),
    "[".repeat(1100) + "]".repeat(1100) + PING,
    "[".repeat(1025) + PING,
    "{".repeat(1025),
  ),
  row(
    "tokens beyond their number",
    `[${"1,".repeat(1_048_573)}1]`,
    `[${"1,".repeat(1_048_576)}1]${PING}`,
  ),
  row(
    "tokens beyond their size",
    `{"execute":"guest-ping","x":"${"a".repeat(10 * MEBIBYTE)}"}`,
    `["${"a".repeat(64 * MEBIBYTE)}"]${PING}`,
  ),
];

/** Requests with random changes; none of them names a command that does anything. */
export function mutatedRequests(seed: number, count: number): FramingRow {
  const random = randomNumbers(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const seeds = [
    PING,
    SYNC,
    '{"execute":"guest-ping","id":{"a":[1,-2.5e3,true,null],"b":"x\\n\\u00e4\\ud83d\\ude00é"}}',
    "{'execute':'guest-ping','id':['a\\'b',\"c'd\"]}",
  ].map((text) => encoder.encode(text));
  const pick = <T>(items: readonly T[], fallback: T): T => items[below(items.length)] ?? fallback;
  const interesting = encoder.encode("{}[]:,\"'\\u09aef-+.E tn\n\t");
  const inputs = Array.from({ length: count }, () => {
    const bytes = [...pick(seeds, new Uint8Array())];
    for (let change = below(4); change >= 0; change--) {
      const at = below(bytes.length + 1);
      const byte = random() < 0.7 ? interesting[below(interesting.length)] ?? 0 : below(256);
      const kind = below(4);
      if (kind === 0) bytes.splice(at, 1);
      else if (kind === 1) bytes.splice(at, 0, byte);
      else if (kind === 2) bytes.splice(at, 1, byte);
      else bytes.splice(at, 0, ...bytes.slice(below(bytes.length), below(bytes.length)));
    }
    return whole(Uint8Array.from(bytes));
  });
  return { name: "mutated requests", inputs };
}
