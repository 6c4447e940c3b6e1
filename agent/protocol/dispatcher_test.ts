import assert from "node:assert/strict";
import { ActivityRecorder } from "../../tests/harness/activity_recorder.ts";
import { replyBytes } from "../../tests/harness/reply_bytes.ts";
import { LogRecorder } from "../../tests/harness/log_recorder.ts";
import { Errno, LibcError } from "../linux/libc.ts";
import { integer, optional, required, string } from "./argument_type.ts";
import { type Command, defineCommand, defineListCommand } from "./command.ts";
import { Dispatcher } from "./dispatcher.ts";
import { type JsonMessage, JsonMessageStream } from "./json_message_stream.ts";
import { Policy, type PolicyLists } from "./policy.ts";
import { QapiError } from "./qapi_error.ts";
import { dropReply } from "./reply.ts";

const plain = {
  summary: "",
  since: "0.15",
  arguments: {},
  reply: "value",
  family: "information",
} as const;

const COMMANDS: readonly Command<string[]>[] = [
  defineCommand({ ...plain, name: "ping" }, () => ({})),
  defineCommand(
    { ...plain, name: "sync", arguments: { id: required(integer()) } },
    ({ id }) => id,
  ),
  defineCommand({
    ...plain,
    name: "delimited",
    arguments: { id: required(integer()) },
    reply: "delimited",
  }, ({ id }) => id),
  defineCommand({
    ...plain,
    name: "shutdown",
    arguments: { mode: optional(string()) },
    reply: "none",
  }, ({ mode }, calls: string[]) => {
    if (mode === "bad") throw new QapiError("no such mode");
    calls.push(mode ?? "default");
    return {};
  }),
  defineCommand({ ...plain, name: "broken" }, () => Promise.reject(new TypeError("é is broken"))),
  defineCommand({ ...plain, name: "infinite" }, () => Infinity),
  defineCommand({
    ...plain,
    name: "closed",
    byDefault: { access: "never", reason: "not on Talos" },
  }, () => null),
  defineListCommand({
    ...plain,
    name: "list",
    arguments: { count: required(integer()), failing: optional(string()) },
  }, function* ({ count, failing }, calls: string[]) {
    try {
      for (let index = 0; index < Number(count); index++) {
        yield undefined;
        yield [{ index }, `${index}`];
      }
      if (failing !== undefined) throw new QapiError("the list has failed");
    } finally {
      calls.push("list ended");
    }
  }),
];

class Agent {
  readonly calls: string[] = [];
  readonly log = new LogRecorder();
  readonly activity = new ActivityRecorder();
  readonly dispatcher: Dispatcher<string[]>;

  constructor(lists: PolicyLists = { allow: undefined, block: undefined }) {
    const policy = new Policy(lists);
    const { calls, log, activity } = this;
    this.dispatcher = new Dispatcher(COMMANDS, policy, calls, log, activity.publish);
  }

  /** The replies to these bytes; one character is one byte. */
  async answer(input: string): Promise<string> {
    const bytes = Uint8Array.from(input, (character) => character.charCodeAt(0));
    let output = "";
    for (const message of new JsonMessageStream().feed(bytes)) {
      const reply = await this.dispatcher.dispatch(this.dispatcher.parse(message), {
        client: "tester",
      });
      output += String.fromCharCode(...await replyBytes(reply));
    }
    return output;
  }
}

function messageOf(text: string): JsonMessage {
  const [first] = new JsonMessageStream().feed(new TextEncoder().encode(text));
  assert.ok(first !== undefined);
  return first;
}

const failure = (desc: string, end = "") =>
  `{"error": {"class": "GenericError", "desc": "${desc}"}${end}}\n`;
const notFound = (desc: string, end = "") =>
  `{"error": {"class": "CommandNotFound", "desc": "${desc}"}${end}}\n`;

Deno.test("requests get QEMU's replies, one line of ASCII each", async () => {
  const cases: readonly (readonly [string, string])[] = [
    ['{"execute":"ping"}', '{"return": {}}\n'],
    ['{"execute":"ping"}{"execute":"ping"}', '{"return": {}}\n{"return": {}}\n'],
    ['{"id":[1,"\xc3\xa9"],"execute":"ping"}', '{"return": {}, "id": [1, "\\u00E9"]}\n'],
    ['{"execute":"ping","id":null}', '{"return": {}, "id": null}\n'],
    [
      '{"execute":"sync","arguments":{"id":-9223372036854775808}}',
      '{"return": -9223372036854775808}\n',
    ],
    ['{"execute":"delimited","arguments":{"id":7}}', '\xff{"return": 7}\n'],
    ['{"execute":"delimited","arguments":{"id":7},"id":3}', '\xff{"return": 7, "id": 3}\n'],
    [
      '{"execute":"delimited","arguments":{"id":"1"},"id":3}',
      failure("Invalid parameter type for 'id', expected: integer", ', "id": 3'),
    ],
    ['{"execute":"sync"}', failure("Parameter 'id' is missing")],
    ['{"execute":"ping","arguments":{"x":1}}', failure("Parameter 'x' is unexpected")],
    ['{"execute":"nope","id":7}', notFound("The command nope has not been found", ', "id": 7')],
    ['{"execute":"gu\\u0000b"}', notFound("The command gu\\u0000b has not been found")],
    ['{"execute":"toString"}', notFound("The command toString has not been found")],
    ['{"execute":"closed"}', notFound("Command closed has been disabled: not on Talos")],
    ["[]", failure("QMP input must be a JSON object")],
    ["{}", failure("QMP input lacks member 'execute'")],
    ['{"id":1}', failure("QMP input lacks member 'execute'", ', "id": 1')],
    ['{"execute":5}', failure("QMP input member 'execute' must be a string")],
    ['{"arguments":{},"execute":3}', failure("QMP input member 'execute' must be a string")],
    ['{"exec-oob":"x"}', failure("QMP input member 'exec-oob' is unexpected")],
    [
      '{"execute":"ping","arguments":null}',
      failure("QMP input member 'arguments' must be an object"),
    ],
    [
      '{"execute":"ping","arguments":[]}',
      failure("QMP input member 'arguments' must be an object"),
    ],
    ['{"a":}', failure("JSON parse error, expecting value")],
    ["\xff", failure("JSON parse error, stray '\\uFFFD'")],
  ];
  const agent = new Agent();
  for (const [input, expected] of cases) {
    assert.equal(await agent.answer(input), expected, input);
  }
});

Deno.test("a command without a success response answers on failure only", async () => {
  const agent = new Agent();
  assert.equal(await agent.answer('{"execute":"shutdown","id":1}'), "");
  assert.equal(await agent.answer('{"execute":"shutdown","arguments":{"mode":"halt"}}'), "");
  assert.deepEqual(agent.calls, ["default", "halt"]);
  const bad = await agent.answer('{"execute":"shutdown","arguments":{"mode":"bad"},"id":1}');
  assert.equal(bad, failure("no such mode", ', "id": 1'));
});

Deno.test("an unforeseen error is reported to the client and logged with its stack", async () => {
  const agent = new Agent();
  assert.equal(await agent.answer('{"execute":"broken"}'), failure("\\u00E9 is broken"));
  const [line] = agent.log.matching(/unforeseen/);
  assert.equal(line?.level, "error");
  assert.match(String(line?.fields["stack"]), /TypeError/);
});

Deno.test("a return value that cannot be written is an error, not an exception", async () => {
  const answer = await new Agent().answer('{"execute":"infinite","id":1}');
  assert.equal(answer, failure("Infinity cannot be written as JSON", ', "id": 1'));
});

Deno.test("the policy's lists decide what runs and what the states say", async () => {
  const agent = new Agent({ allow: ["ping", "delimited", "closed"], block: ["delimited"] });
  assert.equal(await agent.answer('{"execute":"ping"}'), '{"return": {}}\n');
  assert.equal(
    await agent.answer('{"execute":"sync","arguments":{"id":1}}'),
    notFound("Command sync has been disabled: the command is not allowed"),
  );
  const states = agent.dispatcher.commandStates();
  assert.deepEqual(states.map(({ name }) => name), COMMANDS.map(({ name }) => name));
  const reason = (name: string) => states.find((state) => state.name === name)?.disabledReason;
  assert.equal(reason("ping"), undefined);
  assert.equal(reason("delimited"), "the command is not allowed");
  assert.equal(reason("closed"), "not on Talos");
  assert.deepEqual(states.filter((state) => !state.successResponse).map(({ name }) => name), [
    "shutdown",
  ]);
});

Deno.test("each request is published with its outcome; a name that nobody knows is not", async () => {
  const agent = new Agent();
  await agent.answer(
    '{"execute":"ping"}{"execute":"guest-\\u0041"}{"execute":"closed"}{"execute":"broken"}' +
      '{"execute":"shutdown"}{"exec":1}]',
  );
  const requests = agent.activity.of("request");
  assert.deepEqual(requests.map(({ command, outcome }) => [command, outcome]), [
    ["ping", "success"],
    ["unknown", "error"],
    ["closed", "blocked"],
    ["broken", "error"],
    ["shutdown", "success"],
    ["unknown", "error"],
  ]);
  assert.deepEqual(agent.activity.of("parse-error"), [{ kind: "parse-error" }]);
  for (const { seconds, client } of requests) {
    assert.ok(seconds >= 0);
    assert.equal(client, "tester");
  }
  assert.equal(requests[0]?.error, undefined);
  assert.equal(requests[3]?.error, "é is broken");
});

const list = (count: number, others = "") =>
  `{"execute": "list", "arguments": {"count": ${count}${others}}, "id": 7}`;

/** What the list command answers with. */
function listText(count: number): string {
  const items = Array.from({ length: count }, (_, index) => `{"index": ${index}}, "${index}"`);
  return `{"return": [${items.join(", ")}], "id": 7}\n`;
}

Deno.test("a list is answered like any other value, a long one piece by piece", async () => {
  const agent = new Agent();
  for (const count of [0, 1, 3]) {
    const reply = await agent.dispatcher.dispatch(agent.dispatcher.parse(messageOf(list(count))));
    assert.ok(reply instanceof Uint8Array);
    assert.equal(new TextDecoder().decode(reply), listText(count));
  }
  const reply = await agent.dispatcher.dispatch(agent.dispatcher.parse(messageOf(list(5000))));
  assert.ok(reply !== undefined && !(reply instanceof Uint8Array));
  assert.equal(agent.activity.of("request").length, 3);
  const lengths: number[] = [];
  let text = "";
  for await (const piece of reply) {
    lengths.push(piece.length);
    text += new TextDecoder().decode(piece);
  }
  assert.equal(text, listText(5000));
  assert.ok(lengths.length > 2 && Math.max(...lengths) < 40_000, `${lengths}`);
  assert.deepEqual(agent.activity.of("request").map(({ outcome }) => outcome), [
    ...["success", "success", "success", "success"],
  ]);
});

Deno.test("a list that fails before anything was sent is an error, later its line breaks off", async () => {
  const agent = new Agent();
  const failing = ', "failing": "yes"';
  assert.equal(
    await agent.answer(list(3, failing)),
    failure("the list has failed", ', "id": 7'),
  );
  const broken = await agent.answer(list(5000, failing));
  assert.throws(() => JSON.parse(broken));
  assert.equal(broken.indexOf("\n"), broken.length - 1);
  assert.ok(listText(5000).startsWith(broken.slice(0, 32 * 1024)));
  assert.deepEqual(agent.activity.of("request").map(({ outcome }) => outcome), ["error", "error"]);
  assert.ok(agent.log.lines.some(({ message }) => message === "a reply breaks off"));
});

Deno.test("a list that nobody waits for any more comes to its end", async () => {
  const agent = new Agent();
  await dropReply(await agent.dispatcher.dispatch(agent.dispatcher.parse(messageOf(list(5000)))));
  assert.deepEqual(agent.calls, ["list ended"]);
  assert.equal(agent.activity.of("request").length, 1);
});

Deno.test("long work on a list gives others their turn", async () => {
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  const policy = new Policy({ allow: undefined, block: undefined });
  const busy = defineListCommand({ ...plain, name: "busy" }, function* () {
    for (const end = performance.now() + 10_000; turns < 3 && performance.now() < end;) {
      yield undefined;
    }
    yield ["done"];
  });
  const dispatcher = new Dispatcher([busy], policy, {}, new LogRecorder(), () => {});
  const reply = await dispatcher.dispatch(dispatcher.parse(messageOf('{"execute": "busy"}')));
  clearInterval(timer);
  assert.equal(new TextDecoder().decode(await replyBytes(reply)), '{"return": ["done"]}\n');
  assert.ok(turns >= 3);
});

Deno.test("what the kernel refuses is a reply, whenever it does, and no line of the log", async () => {
  const gone = () =>
    new LibcError("open /sys/block/sda/size", Errno.ENOENT, "No such file or directory");
  const commands = [
    defineCommand({ ...plain, name: "at-once" }, () => {
      throw gone();
    }),
    defineCommand({ ...plain, name: "later" }, () => Promise.reject(gone())),
    defineListCommand({ ...plain, name: "in-steps" }, function* () {
      yield undefined;
      throw gone();
    }),
  ];
  const log = new LogRecorder();
  const policy = new Policy({ allow: undefined, block: undefined });
  const dispatcher = new Dispatcher(commands, policy, undefined, log, () => {});
  for (const { name } of commands) {
    const request = dispatcher.parse({ value: { execute: name } });
    const reply = await replyBytes(await dispatcher.dispatch(request));
    assert.equal(
      new TextDecoder().decode(reply),
      failure("open /sys/block/sda/size: No such file or directory"),
    );
  }
  assert.deepEqual(log.lines.filter(({ level }) => level !== "debug"), []);
});

Deno.test("a request that may not start any more has no reply; one that is refused does not wait", async () => {
  const agent = new Agent();
  const parse = (text: string) => agent.dispatcher.parse(messageOf(text));
  const mayStart = () => Promise.resolve(false);
  const reply = await agent.dispatcher.dispatch(parse('{"execute":"shutdown"}'), { mayStart });
  assert.equal(reply, undefined);
  assert.deepEqual(agent.calls, []);
  const never = { mayStart: () => new Promise<boolean>(() => {}) };
  for (const text of ['{"execute":"closed"}', '{"execute":"nope"}', "[]"]) {
    const refused = await replyBytes(await agent.dispatcher.dispatch(parse(text), never));
    assert.match(new TextDecoder().decode(refused), /^\{"error"/);
  }
});
