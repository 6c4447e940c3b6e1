import assert from "node:assert/strict";
import type { Channel, Session } from "../channel/channel.ts";
import { defineCommand, defineListCommand } from "../protocol/command.ts";
import { Dispatcher } from "../protocol/dispatcher.ts";
import { required, string } from "../protocol/argument_type.ts";
import { Policy } from "../protocol/policy.ts";
import { publishNothing } from "../activity/activity.ts";
import { silentLog } from "../log/log.ts";
import { serve } from "./request_loop.ts";

/** A client of a channel in memory. */
class Client implements Session {
  readonly client = "test";
  /** Lines that it got. */
  readonly replies: string[] = [];
  /** Whether it still reads when it has sent all. */
  readsOn = false;
  /** How many writes it takes before it is gone. */
  takes = Infinity;
  readonly #sent: (Uint8Array | undefined)[] = [];
  #wake = () => {};

  send(...texts: string[]): void {
    this.#sent.push(new TextEncoder().encode(texts.join("")));
    this.#wake();
  }

  leave(): void {
    this.#sent.push(undefined);
    this.#wake();
  }

  async read(): Promise<Uint8Array | undefined> {
    while (this.#sent.length === 0) await new Promise<void>((resolve) => this.#wake = resolve);
    return this.#sent.shift();
  }

  takesReply(): boolean {
    return this.readsOn;
  }

  write(bytes: Uint8Array): Promise<boolean> {
    if (this.replies.length >= this.takes) return Promise.resolve(false);
    this.replies.push(new TextDecoder("latin1").decode(bytes).trimEnd());
    return Promise.resolve(true);
  }
}

/** The agent's loop with a command `slow NAME`, which ends when the test says so. */
class Bench implements AsyncDisposable {
  readonly started: string[] = [];
  /** Whether the list that a client asked for has come to its end. */
  listEnded = false;
  readonly #ends = new Map<string, () => void>();
  readonly #clients: Client[] = [];
  #closed = false;
  #wake = () => {};
  readonly #served: Promise<void>;

  constructor() {
    const slow = defineCommand({
      name: "slow",
      summary: "",
      since: "1",
      family: "information",
      arguments: { name: required(string()) },
      reply: "value",
      mayTakeLong: true,
    }, async (values: { name: string }) => {
      this.started.push(values.name);
      await new Promise<void>((resolve) => this.#ends.set(values.name, resolve));
      return values.name;
    });
    const sync = defineCommand({
      name: "sync",
      summary: "",
      since: "1",
      family: "information",
      arguments: {},
      reply: "delimited",
      isSync: true,
    }, () => 1);
    const ping = defineCommand({
      name: "ping",
      summary: "",
      since: "1",
      family: "information",
      arguments: {},
      reply: "value",
      whileFrozen: "always",
    }, () => ({}));
    const listEnds = () => this.listEnded = true;
    const list = defineListCommand({
      name: "list",
      summary: "",
      since: "1",
      family: "information",
      arguments: {},
      reply: "value",
    }, function* () {
      try {
        for (let index = 0; index < LIST_ITEMS; index++) yield [index];
      } finally {
        listEnds();
      }
    });
    const commands = [slow, sync, ping, list];
    const policy = new Policy({ allow: undefined, block: undefined });
    const dispatcher = new Dispatcher(commands, policy, {}, silentLog, publishNothing);
    this.#served = serve(this.#channel(), dispatcher, silentLog, publishNothing);
  }

  connect(): Client {
    const client = new Client();
    this.#clients.push(client);
    this.#wake();
    return client;
  }

  /** Lets the command with this name end. */
  end(name: string): void {
    this.#ends.get(name)?.();
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
  }

  /** Ends the channel; all clients must have left. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#wake();
    for (const end of this.#ends.values()) end();
    await this.#served;
  }

  #channel(): Channel {
    const next = async (): Promise<Client | undefined> => {
      while (this.#clients.length === 0) {
        if (this.#closed) return undefined;
        await new Promise<void>((resolve) => this.#wake = resolve);
      }
      return this.#clients.shift();
    };
    return {
      async *sessions() {
        for (let client = await next(); client !== undefined; client = await next()) yield client;
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    };
  }
}

const LIST_ITEMS = 20_000;
const LIST = '{"execute":"list"}';
const SYNC = '{"execute":"sync"}';
const PING = '{"execute":"ping"}';
const slow = (name: string) => `{"execute":"slow","arguments":{"name":"${name}"}}`;
const after = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));
/** Longer than a command may take before its client is listened to. */
const long = () => after(60);
/** Longer than a guest-sync may come after a command that its client still waits for. */
const tooLong = () => after(1_100);

Deno.test("requests are answered in their order, however long one takes", async () => {
  await using bench = new Bench();
  const client = bench.connect();
  client.send(slow("a"), PING, SYNC);
  await bench.until(() => bench.started.length === 1);
  await long();
  client.send(SYNC);
  await tooLong();
  client.send(PING);
  await long();
  assert.deepEqual(client.replies, []);
  bench.end("a");
  await bench.until(() => client.replies.length === 5);
  assert.deepEqual(client.replies, [
    '{"return": "a"}',
    '{"return": {}}',
    'ÿ{"return": 1}',
    'ÿ{"return": 1}',
    '{"return": {}}',
  ]);
  client.leave();
});

Deno.test("a client that synchronizes again is answered at once, and the old reply is dropped", async () => {
  await using bench = new Bench();
  const client = bench.connect();
  client.send(slow("a"));
  await bench.until(() => bench.started.length === 1);
  await tooLong();
  client.send("\u00ff", SYNC);
  client.send(PING, '{"execute":"unknown"}');
  await bench.until(() => client.replies.length >= 4);
  assert.match(client.replies[0] ?? "", /JSON parse error/);
  assert.deepEqual(client.replies.slice(1, 3), ['ÿ{"return": 1}', '{"return": {}}']);
  assert.match(client.replies[3] ?? "", /has not been found/);
  bench.end("a");
  client.send(PING);
  await bench.until(() => client.replies.length >= 5);
  assert.deepEqual(client.replies.slice(4), ['{"return": {}}']);
  client.leave();
});

Deno.test("other commands wait for the one that was abandoned, unless they are, too", async () => {
  await using bench = new Bench();
  const first = bench.connect();
  first.send(slow("a"));
  await bench.until(() => bench.started.length === 1);
  first.leave();
  const second = bench.connect();
  second.send(PING, slow("never"));
  await bench.until(() => second.replies.length === 1);
  await long();
  second.leave();
  const third = bench.connect();
  third.send(slow("b"));
  await long();
  assert.deepEqual(bench.started, ["a"]);
  bench.end("a");
  await bench.until(() => bench.started.length === 2);
  bench.end("b");
  await bench.until(() => third.replies.length === 1);
  assert.deepEqual(bench.started, ["a", "b"]);
  assert.deepEqual([first.replies, third.replies], [[], ['{"return": "b"}']]);
  third.leave();
});

Deno.test("a client that sends no more and reads on gets its reply", async () => {
  await using bench = new Bench();
  const client = bench.connect();
  client.readsOn = true;
  client.send(slow("a"));
  client.leave();
  await bench.until(() => bench.started.length === 1);
  await long();
  bench.end("a");
  await bench.until(() => client.replies.length === 1);
  assert.deepEqual(client.replies, ['{"return": "a"}']);
});

Deno.test("a client cannot send without end while its command runs", async () => {
  await using bench = new Bench();
  const client = bench.connect();
  client.send(slow("a"));
  await bench.until(() => bench.started.length === 1);
  const part = " ".repeat(16 * 1024);
  for (let count = 0; count < 5; count++) client.send(part);
  await tooLong();
  // Nobody reads it before the end.
  client.send(SYNC);
  await long();
  assert.deepEqual(client.replies, []);
  bench.end("a");
  await bench.until(() => client.replies.length === 2);
  assert.deepEqual(client.replies, ['{"return": "a"}', 'ÿ{"return": 1}']);
  client.leave();
});

Deno.test("others have turns while a message of many values is read and its id sent", async () => {
  await using bench = new Bench();
  const client = bench.connect();
  const id = Array.from({ length: 200_000 }, (_, index) => index);
  client.send(`{"execute":"ping","id":${JSON.stringify(id)}}`);
  let turns = 0;
  await bench.until(() => {
    turns++;
    return client.replies.at(-1)?.endsWith("}") === true;
  });
  assert.ok(turns > 5, `${turns} turns`);
  assert.deepEqual(JSON.parse(client.replies.join("")), { return: {}, id });
  client.leave();
});

Deno.test("a long list comes in pieces, and ends with the client that leaves within it", async () => {
  await using bench = new Bench();
  const client = bench.connect();
  client.send(LIST, PING);
  await bench.until(() => client.replies.at(-1) === '{"return": {}}');
  const pieces = client.replies.slice(0, -1);
  assert.ok(pieces.length > 2);
  const numbers = Array.from({ length: LIST_ITEMS }, (_, index) => index);
  // What `trimEnd` has taken from a piece is not part of a number.
  assert.deepEqual(JSON.parse(pieces.join("")), { return: numbers });
  client.leave();
  bench.listEnded = false;
  const leaving = bench.connect();
  leaving.takes = 1;
  leaving.send(LIST);
  await bench.until(() => bench.listEnded);
  leaving.leave();
  const next = bench.connect();
  next.send(PING);
  await bench.until(() => next.replies.length === 1);
  assert.deepEqual(next.replies, ['{"return": {}}']);
  next.leave();
});
