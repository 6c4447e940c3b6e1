import { nextTurn } from "../steps.ts";
import type { Command } from "./command.ts";
import { JsonItems } from "./json_items.ts";
import { JsonWriter } from "./json_writer.ts";
import type { JsonMessage } from "./json_message_stream.ts";
import { isJsonObject, type JsonObject, type JsonValue } from "./json_value.ts";
import { LongString } from "./long_string.ts";
import type { Policy } from "./policy.ts";
import { QapiError } from "./qapi_error.ts";
import { errorReply, type Reply, successReply } from "./reply.ts";
import { replyPieces } from "./reply_pieces.ts";
import { type Publish, type RequestOutcome, UNKNOWN_COMMAND } from "../activity/activity.ts";
import type { Log } from "../log/log.ts";

/** What guest-info tells about a command. */
export interface CommandState {
  readonly name: string;
  /** Why it would not run now; undefined when it would. */
  readonly disabledReason: string | undefined;
  /** Whether it answers on success. */
  readonly successResponse: boolean;
}

type Done = (outcome: RequestOutcome, error?: string) => void;

interface Request {
  readonly name: string;
  readonly wireArguments: JsonObject;
}

const NO_ARGUMENTS: JsonObject = {};
const LINE_END = Uint8Array.of(0x0a);
const NOTHING = new Uint8Array(0);

/**
 * Runs requests: finds the command, asks the policy, checks the arguments, runs the handler, and makes
 * the reply's bytes. One request at a time, but for those that `runsBeside` names.
 */
export class Dispatcher<Context> {
  readonly #commands: ReadonlyMap<string, Command<Context>>;
  readonly #policy: Policy;
  readonly #context: Context;
  readonly #log: Log;
  readonly #publish: Publish;
  readonly #othersTurn: () => Promise<void>;

  /** `othersTurn` lets the event loop do what else there is to do, while a long list is made. */
  constructor(
    commands: Iterable<Command<Context>>,
    policy: Policy,
    context: Context,
    log: Log,
    publish: Publish,
    othersTurn: () => Promise<void> = nextTurn,
  ) {
    this.#commands = new Map(Array.from(commands, (command) => [command.name, command]));
    this.#policy = policy;
    this.#context = context;
    this.#log = log;
    this.#publish = publish;
    this.#othersTurn = othersTurn;
  }

  /** All commands with their state now. */
  commandStates(): CommandState[] {
    return Array.from(this.#commands.values(), (command) => ({
      name: command.name,
      disabledReason: this.#policy.whyDisabled(command),
      successResponse: command.reply !== "none",
    }));
  }

  /**
   * Handles one message of the stream, and publishes what came of it.
   *
   * @param client who has sent it, for the audit lines
   * @returns the reply, a line of ASCII JSON (after byte 0xFF where the command has it so), or
   * undefined when there is none. It never throws for what a client or a handler does. When a command
   * fails whose reply has begun, the line ends where it is, so that no client takes it for a whole one.
   */
  async dispatch(message: JsonMessage, client?: string): Promise<Reply | undefined> {
    if ("error" in message) {
      this.#publish({ kind: "parse-error" });
      return errorReply(new QapiError(message.error), undefined);
    }
    const started = performance.now();
    const { value } = message;
    const id = isJsonObject(value) ? value["id"] : undefined;
    let command = UNKNOWN_COMMAND;
    const done: Done = (outcome, error) => {
      const seconds = (performance.now() - started) / 1000;
      this.#publish({ kind: "request", command, outcome, error, seconds, client });
    };
    try {
      const { name, wireArguments } = readRequest(value);
      const found = this.#find(name);
      command = name;
      const disabled = this.#policy.whyDisabled(found);
      if (disabled !== undefined) {
        const error = new QapiError(
          `Command ${name} has been disabled: ${disabled}`,
          "CommandNotFound",
        );
        this.#log.debug("command blocked", { command, reason: disabled });
        done("blocked", error.message);
        return errorReply(error, id);
      }
      const result = await found.execute(wireArguments, this.#context);
      if (result instanceof JsonItems) return await this.#itemsReply(result, id, command, done);
      done("success");
      if (found.reply === "none") return undefined;
      return successReply(result, id, found.reply === "delimited");
    } catch (error) {
      const qapiError = this.#asQapiError(error, command);
      done("error", qapiError.message);
      return errorReply(qapiError, id);
    }
  }

  /** Whether the message is a request for one of the commands. */
  knows(message: JsonMessage): boolean {
    return this.#commandOf(message) !== undefined;
  }

  /** Whether its client may not want to wait for the end of the command. */
  mayTakeLong(message: JsonMessage): boolean {
    return this.#commandOf(message)?.mayTakeLong === true;
  }

  /** Whether the message is a request by which a client finds its place again: no reply is lost on it. */
  resynchronizes(message: JsonMessage): boolean {
    return this.#commandOf(message)?.unblockable === true;
  }

  /**
   * Whether a message can be handled while another command runs whose client has given it up: it is
   * one of those that run while file systems are frozen, or will be refused.
   */
  runsBeside(message: JsonMessage): boolean {
    const command = this.#commandOf(message);
    return command === undefined || command.unblockable === true ||
      command.whileFrozen !== undefined || this.#policy.whyDisabled(command) !== undefined;
  }

  #commandOf(message: JsonMessage): Command<Context> | undefined {
    if ("error" in message || !isJsonObject(message.value)) return undefined;
    const name = message.value["execute"];
    return typeof name === "string" ? this.#commands.get(name) : undefined;
  }

  #find(name: string): Command<Context> {
    const command = this.#commands.get(name);
    if (command === undefined) {
      throw new QapiError(`The command ${name} has not been found`, "CommandNotFound");
    }
    return command;
  }

  /** The first piece is made at once: what fails until then is answered by an error. */
  async #itemsReply(
    items: JsonItems,
    id: JsonValue | undefined,
    command: string,
    done: Done,
  ): Promise<Reply> {
    const writer = new JsonWriter();
    const pieces = replyPieces(writer, items, id, this.#othersTurn);
    const first = await pieces.next();
    if (first.done !== true) return this.#pieces(writer, first, pieces, command, done);
    done("success");
    return first.value;
  }

  async *#pieces(
    writer: JsonWriter,
    first: IteratorResult<Uint8Array, Uint8Array>,
    others: AsyncGenerator<Uint8Array, Uint8Array, void>,
    command: string,
    done: Done,
  ): AsyncGenerator<Uint8Array, void, void> {
    using _memory = writer;
    let error: string | undefined;
    try {
      for (let piece = first;; piece = await others.next()) {
        yield piece.value;
        if (piece.done === true) return;
      }
    } catch (thrown) {
      error = this.#asQapiError(thrown, command).message;
      this.#log.error("a reply breaks off", { command, error });
      yield LINE_END;
    } finally {
      await others.return(NOTHING);
      done(error === undefined ? "success" : "error", error);
    }
  }

  #asQapiError(error: unknown, command: string): QapiError {
    if (error instanceof QapiError) return error;
    const message = error instanceof Error ? error.message : String(error);
    this.#log.error("a command failed in an unforeseen way", {
      command,
      error: message,
      stack: error instanceof Error ? error.stack : undefined,
    });
    return new QapiError(message);
  }
}

/** Checks the envelope of a request, in the order and words of QEMU's dispatcher. */
function readRequest(value: JsonValue): Request {
  if (!isJsonObject(value)) throw new QapiError("QMP input must be a JSON object");
  let name: string | undefined;
  let wireArguments = NO_ARGUMENTS;
  for (const [key, member] of Object.entries(value)) {
    if (key === "execute") {
      if (typeof member !== "string" && !(member instanceof LongString)) {
        throw new QapiError("QMP input member 'execute' must be a string");
      }
      name = member.toString();
    } else if (key === "arguments") {
      if (!isJsonObject(member)) {
        throw new QapiError("QMP input member 'arguments' must be an object");
      }
      wireArguments = member;
    } else if (key !== "id") {
      throw new QapiError(`QMP input member '${key}' is unexpected`);
    }
  }
  if (name === undefined) throw new QapiError("QMP input lacks member 'execute'");
  return { name, wireArguments };
}
