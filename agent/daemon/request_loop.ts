import { type Channel, LONG_COMMAND_MS, type Session } from "../channel/channel.ts";
import type { Dispatcher } from "../protocol/dispatcher.ts";
import {
  type JsonLimits,
  type JsonMessage,
  JsonMessageStream,
  QEMU_JSON_LIMITS,
  releaseMessage,
} from "../protocol/json_message_stream.ts";
import { dropReply, type Reply } from "../protocol/reply.ts";
import type { Refusal, Request } from "../protocol/request.ts";
import { IdleCollection } from "../memory/idle_collection.ts";
import type { Publish } from "../activity/activity.ts";
import type { Log } from "../log/log.ts";
import { nextTurn } from "../steps.ts";

/** A guest-sync that comes earlier was sent together with the command, by a client that waits for both. */
const ABANDON_MS = 1_000;
/** What is read from a client while its command runs: a client that waits for the reply sends no more. */
const MOST_BYTES_AHEAD = 64 * 1024;

const LATE = Symbol("the command takes long");
const ABANDONED = Symbol("the client does not wait any more");

/**
 * So long a message is read, or pieces of a reply are sent, before others have a turn: a request over HTTP takes
 * three or four of them.
 */
const TURN_MS = 2;
/** Bytes, and so JSON tokens at most, that are read between two looks at the clock. */
const BYTES_AT_ONCE = 4 * 1024;

/**
 * Serves a channel until it is disposed of: one session after the other, one request after the other,
 * each answered before the next is looked at. Half a request ends with its session.
 *
 * A freeze or a trim can take minutes. A client that disconnects or sends guest-sync after a while has
 * abandoned it: the reply is dropped, and the command continues in the background. Commands that run while
 * file systems are frozen may run concurrently with it; all others wait for its end.
 */
export async function serve<Context>(
  channel: Channel,
  dispatcher: Dispatcher<Context>,
  log: Log,
  publish: Publish,
  limits: JsonLimits = QEMU_JSON_LIMITS,
): Promise<void> {
  const requests = new Requests(dispatcher, log);
  const serveNext = async (
    input: SessionInput<Context>,
    session: Session,
  ): Promise<number> => {
    const received = input.take();
    if (received === undefined) {
      await input.read();
      return 0;
    }
    const reply = await requests.run(received, input);
    if (reply === ABANDONED) return 0;
    if (reply !== undefined) {
      const bytes = await send(reply, session, log);
      if (bytes > 0) publish({ kind: "sent", bytes });
    }
    return releaseMessage(received.message);
  };
  using idleCollection = new IdleCollection();
  for await (const session of channel.sessions()) {
    const path = session.client;
    log.debug("client connected", { client: path });
    publish({ kind: "port", state: "connected", path, reason: undefined });
    const input = new SessionInput(session, dispatcher, publish, limits);
    while (!input.ended || input.waiting > 0) {
      // What it has read and told is not referred to any more here, so it can be collected.
      idleCollection.add(await serveNext(input, session));
    }
    log.debug("client left", { client: path });
    publish({ kind: "port", state: "waiting", path, reason: undefined });
  }
  await requests.allDone();
}

/** Sends a reply as far as its client takes it, and gives how many bytes these are. */
async function send(reply: Reply, session: Session, log: Log): Promise<number> {
  let bytes = 0;
  let turn = performance.now() + TURN_MS;
  for await (const piece of reply instanceof Uint8Array ? [reply] : reply) {
    if (!await session.write(piece)) {
      log.debug("reply dropped, the client has left", { bytes });
      break;
    }
    bytes += piece.length;
    if (performance.now() < turn) continue;
    await nextTurn();
    turn = performance.now() + TURN_MS;
  }
  return bytes;
}

/** A message of a client, and what it asks for. */
interface Received<Context> {
  readonly message: JsonMessage;
  readonly request: Request<Context> | Refusal;
}

/** The requests of a session, read when they are asked for. */
class SessionInput<Context> {
  readonly client: string;
  /** All that the client has sent was read, and there will be no more. */
  ended = false;
  readonly #session: Session;
  readonly #publish: Publish;
  readonly #stream: JsonMessageStream;
  readonly #dispatcher: Dispatcher<Context>;
  readonly #received: Received<Context>[] = [];
  #reading: Promise<number> | undefined;
  #turnMs = 0;

  constructor(
    session: Session,
    dispatcher: Dispatcher<Context>,
    publish: Publish,
    limits: JsonLimits,
  ) {
    this.#dispatcher = dispatcher;
    this.client = session.client;
    this.#stream = new JsonMessageStream(limits);
    this.#session = session;
    this.#publish = publish;
  }

  /** Whether a reply can still reach the client, also one that sends no more. */
  takesReply(): boolean {
    return this.#session.takesReply();
  }

  /** How many requests wait to be taken. */
  get waiting(): number {
    return this.#received.length;
  }

  /** The next of the requests that wait. */
  take(): Received<Context> | undefined {
    return this.#received.shift();
  }

  /** Whether one of the requests that wait, from `index` on, is a sync. */
  hasSyncFrom(index: number): boolean {
    return this.#received.slice(index).some(({ request }) =>
      "command" in request && request.command.isSync === true
    );
  }

  /** Reads once, and gives how many bytes; a read that is under way already is joined. */
  read(): Promise<number> {
    this.#reading ??= this.#read().finally(() => this.#reading = undefined);
    return this.#reading;
  }

  async #read(): Promise<number> {
    const bytes = await this.#session.read();
    if (bytes === undefined) {
      this.ended = true;
      return 0;
    }
    const { length } = bytes;
    this.#publish({ kind: "received", bytes: length });
    for (let start = 0; start < length; start += BYTES_AT_ONCE) {
      await this.#take(bytes.subarray(start, start + BYTES_AT_ONCE));
    }
    if (!this.#stream.isInMessage) this.#turnMs = 0;
    return length;
  }

  async #take(bytes: Uint8Array): Promise<void> {
    const start = performance.now();
    for (const message of this.#stream.feed(bytes)) {
      this.#received.push({ message, request: this.#dispatcher.parse(message) });
    }
    this.#turnMs += performance.now() - start;
    if (this.#turnMs < TURN_MS) return;
    this.#turnMs = 0;
    await nextTurn();
  }
}

/** Runs requests, and keeps those apart that were abandoned: nobody waits for them any more. */
class Requests<Context> {
  readonly #dispatcher: Dispatcher<Context>;
  readonly #log: Log;
  readonly #abandoned = new Set<Promise<unknown>>();

  constructor(dispatcher: Dispatcher<Context>, log: Log) {
    this.#dispatcher = dispatcher;
    this.#log = log;
  }

  /** The reply, undefined when there is none; `ABANDONED` when nobody waits for it, and the command continues. */
  async run(
    { message, request }: Received<Context>,
    input: SessionInput<Context>,
  ): Promise<Reply | undefined | typeof ABANDONED> {
    const { client } = input;
    const isAlone = this.#abandoned.size === 0;
    const mayTakeLong = "command" in request && request.command.mayTakeLong === true;
    if (isAlone && !mayTakeLong) return await this.#dispatcher.dispatch(request, { client });
    const waiting = new AbortController();
    const mayStart = async (): Promise<boolean> => {
      await this.allDone();
      return !waiting.signal.aborted;
    };
    const running = this.#dispatcher.dispatch(request, isAlone ? { client } : { client, mayStart });
    const outcome = await this.#watch(running, input);
    if (outcome !== ABANDONED) return outcome;
    waiting.abort();
    this.#log.info("a command continues, but its client does not wait for it any more", { client });
    this.#abandoned.add(running);
    void running.then(dropReply).finally(() => {
      this.#abandoned.delete(running);
      releaseMessage(message);
    });
    return ABANDONED;
  }

  /** Waits for the end of what was abandoned. */
  async allDone(): Promise<void> {
    await Promise.all(this.#abandoned);
  }

  async #watch(
    running: Promise<Reply | undefined>,
    input: SessionInput<Context>,
  ): Promise<Reply | undefined | typeof ABANDONED> {
    const started = performance.now();
    const late = Promise.withResolvers<typeof LATE>();
    const timer = setTimeout(() => late.resolve(LATE), LONG_COMMAND_MS);
    const first = await Promise.race([running, late.promise]);
    clearTimeout(timer);
    if (first !== LATE) return first;
    const done = running.then((reply) => ({ reply }));
    for (let ahead = 0; ahead < MOST_BYTES_AHEAD && !input.ended;) {
      const known = input.waiting;
      const next = await Promise.race([done, input.read()]);
      if (typeof next !== "number") return next.reply;
      ahead += next;
      const waitedLong = performance.now() - started >= ABANDON_MS;
      if (waitedLong && input.hasSyncFrom(known)) return ABANDONED;
      if (input.ended && !input.takesReply()) return ABANDONED;
    }
    return await running;
  }
}
