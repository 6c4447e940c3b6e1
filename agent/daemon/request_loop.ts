import type { Channel, Session } from "../channel/channel.ts";
import type { Dispatcher } from "../protocol/dispatcher.ts";
import {
  type JsonLimits,
  type JsonMessage,
  JsonMessageStream,
  QEMU_JSON_LIMITS,
  releaseMessage,
} from "../protocol/json_message_stream.ts";
import { dropReply, type Reply } from "../protocol/reply.ts";
import { collectGarbage } from "../memory/collect_garbage.ts";
import type { Publish } from "../activity/activity.ts";
import type { Log } from "../log/log.ts";
import { nextTurn } from "../steps.ts";

/** A command that takes longer is not waited for alone: its client is listened to meanwhile. */
const LONG_COMMAND_MS = 20;
/** A guest-sync that comes earlier was sent together with the command, by one who waits for both. */
const GIVE_UP_MS = 1_000;
/** What is read from a client while its command runs: nobody sends more who waits for the reply. */
const MOST_BYTES_AHEAD = 64 * 1024;

const LATE = Symbol("the command takes long");
const GIVEN_UP = Symbol("the client waits no more");

/**
 * So long parts of a long string are read before others have a turn. Of other messages only the whole is
 * long: in a turn V8 begins to look for garbage, and keeps all that is made until it is done, 30 MiB of an
 * object with 30,000 members.
 */
const TURN_MS = 5;

/** What the loop asks of a dispatcher. */
export type MessageHandler = Pick<
  Dispatcher<unknown>,
  "dispatch" | "mayTakeLong" | "resynchronizes" | "runsBeside"
>;

/** Gives what handles a message. */
export type HandlerOf = (message: JsonMessage) => MessageHandler | Promise<MessageHandler>;

/**
 * Serves a channel until it is disposed of: one session after the other, one request after the other,
 * each answered before the next is looked at. Half a request ends with its session.
 *
 * A freeze or a trim can take minutes. Who does not wait for its reply any more, because it leaves or
 * sends guest-sync after a while, is answered at once all the same: the reply is dropped, the command
 * goes on, and beside it run those commands that run while file systems are frozen. Others wait for its
 * end.
 */
export async function serve(
  channel: Channel,
  handlerOf: HandlerOf,
  log: Log,
  publish: Publish,
  limits: JsonLimits = QEMU_JSON_LIMITS,
): Promise<void> {
  const requests = new Requests(handlerOf, log);
  const serveNext = async (input: SessionInput, session: Session): Promise<"garbage" | "clean"> => {
    const message = input.take();
    if (message === undefined) {
      await input.read();
      return "clean";
    }
    const reply = await requests.run(message, input);
    if (reply === GIVEN_UP) return "clean";
    if (reply !== undefined) {
      const bytes = await send(reply, session, log);
      if (bytes > 0) publish({ kind: "sent", bytes });
    }
    return releaseMessage(message) ? "garbage" : "clean";
  };
  for await (const session of channel.sessions()) {
    const path = session.client;
    log.debug("client connected", { client: path });
    publish({ kind: "port", state: "connected", path, reason: undefined });
    const input = new SessionInput(session, publish, limits);
    while (!input.ended || input.waiting > 0) {
      // What it has read and told is not referred to any more here, so it can be cleaned up.
      if (await serveNext(input, session) === "clean") continue;
      await nextTurn();
      collectGarbage();
    }
    log.debug("client left", { client: path });
    publish({ kind: "port", state: "waiting", path, reason: undefined });
  }
  await requests.allDone();
}

/** Sends a reply as far as its client takes it, and gives how many bytes these are. */
async function send(reply: Reply, session: Session, log: Log): Promise<number> {
  let bytes = 0;
  for await (const piece of reply instanceof Uint8Array ? [reply] : reply) {
    if (!await session.write(piece)) {
      log.debug("reply dropped, the client has left", { bytes });
      break;
    }
    bytes += piece.length;
  }
  return bytes;
}

/** The messages of a session, read when they are asked for. */
class SessionInput {
  readonly client: string;
  /** All that the client has sent was read, and there will be no more. */
  ended = false;
  readonly #session: Session;
  readonly #publish: Publish;
  readonly #stream: JsonMessageStream;
  readonly #messages: JsonMessage[] = [];
  #reading: Promise<number> | undefined;
  #turnMs = 0;

  constructor(session: Session, publish: Publish, limits: JsonLimits) {
    this.client = session.client;
    this.#stream = new JsonMessageStream(limits);
    this.#session = session;
    this.#publish = publish;
  }

  /** Whether a reply can still reach the client, also one that sends no more. */
  takesReply(): boolean {
    return this.#session.takesReply();
  }

  /** How many messages wait to be taken. */
  get waiting(): number {
    return this.#messages.length;
  }

  /** The next of the messages that wait. */
  take(): JsonMessage | undefined {
    return this.#messages.shift();
  }

  /** Whether one of the messages that wait, from `index` on, is such. */
  hasFrom(index: number, condition: (message: JsonMessage) => boolean): boolean {
    return this.#messages.slice(index).some(condition);
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
    const start = performance.now();
    for (const message of this.#stream.feed(bytes)) this.#messages.push(message);
    const isInString = this.#stream.isInLongString;
    this.#turnMs = isInString ? this.#turnMs + performance.now() - start : 0;
    if (this.#turnMs >= TURN_MS) {
      this.#turnMs = 0;
      await nextTurn();
    }
    return length;
  }
}

/** Runs requests, and keeps those apart that nobody waits for any more. */
class Requests {
  readonly #handlerOf: HandlerOf;
  readonly #log: Log;
  readonly #givenUp = new Set<Promise<unknown>>();

  constructor(handlerOf: HandlerOf, log: Log) {
    this.#handlerOf = handlerOf;
    this.#log = log;
  }

  /** The reply, undefined when there is none; `GIVEN_UP` when nobody waits for it, and the command goes on. */
  async run(
    message: JsonMessage,
    input: SessionInput,
  ): Promise<Reply | undefined | typeof GIVEN_UP> {
    const handler = await this.#handlerOf(message);
    const isAlone = this.#givenUp.size === 0;
    if (isAlone && !handler.mayTakeLong(message)) {
      return await handler.dispatch(message, input.client);
    }
    const wait = new AbortController();
    const running = isAlone || handler.runsBeside(message)
      ? handler.dispatch(message, input.client)
      : this.#runAlone(handler, message, input.client, wait.signal);
    const outcome = await this.#watch(running, handler, input);
    if (outcome !== GIVEN_UP) return outcome;
    wait.abort();
    this.#log.info("a command goes on, but its client does not wait for it any more", {
      client: input.client,
    });
    this.#givenUp.add(running);
    void running.then(dropReply).finally(() => {
      this.#givenUp.delete(running);
      releaseMessage(message);
    });
    return GIVEN_UP;
  }

  /** Waits for the end of what was given up. */
  async allDone(): Promise<void> {
    await Promise.all(this.#givenUp);
  }

  /** Runs it after all that was given up, unless it is given up itself before. */
  async #runAlone(
    handler: MessageHandler,
    message: JsonMessage,
    client: string,
    givenUp: AbortSignal,
  ): Promise<Reply | undefined> {
    await this.allDone();
    return givenUp.aborted ? undefined : await handler.dispatch(message, client);
  }

  async #watch(
    running: Promise<Reply | undefined>,
    handler: MessageHandler,
    input: SessionInput,
  ): Promise<Reply | undefined | typeof GIVEN_UP> {
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
      const resynchronizes = (message: JsonMessage) => handler.resynchronizes(message);
      const waitedLong = performance.now() - started >= GIVE_UP_MS;
      if (waitedLong && input.hasFrom(known, resynchronizes)) return GIVEN_UP;
      if (input.ended && !input.takesReply()) return GIVEN_UP;
    }
    return await running;
  }
}
