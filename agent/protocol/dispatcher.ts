import { nextTurn } from "../steps.ts";
import { FaultError, messageOf } from "../fault.ts";
import { type Command, isAudited, mayRunConcurrently } from "./command.ts";
import { JsonItems } from "./json_items.ts";
import { JsonWriter } from "./json_writer.ts";
import type { JsonMessage } from "./json_message_stream.ts";
import type { JsonValue } from "./json_value.ts";
import type { Policy } from "./policy.ts";
import { QapiError } from "./qapi_error.ts";
import { errorReply, type Reply, successReply } from "./reply.ts";
import { replyPieces } from "./reply_pieces.ts";
import { parseRequest, type Refusal, type Request } from "./request.ts";
import { type Publish, type RequestOutcome, UNKNOWN_COMMAND } from "../activity/activity.ts";
import type { Log } from "../log/log.ts";

/** What guest-info says about a command. */
export interface CommandState {
  readonly name: string;
  /** Why it would not run now; undefined when it would. */
  readonly disabledReason: string | undefined;
  /** Whether it answers on success. */
  readonly successResponse: boolean;
}

type Done = (outcome: RequestOutcome, error?: string) => void;

/** How a request is dispatched. */
export interface DispatchOptions {
  /** Who has sent it, for the audit lines. */
  readonly client?: string;
  /**
   * Waits for what must end before a command runs that may not run concurrently, and gives whether it is
   * still to run.
   */
  readonly mayStart?: () => Promise<boolean>;
}

const LINE_END = Uint8Array.of(0x0a);
const NOTHING = new Uint8Array(0);

/**
 * Runs requests: asks the policy, checks the arguments, runs the handler, and makes the reply's bytes. One
 * request at a time, but for those that `mayRunConcurrently`.
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

  /** Makes a request of a message. */
  parse(message: JsonMessage): Request<Context> | Refusal {
    return parseRequest(message, this.#commands);
  }

  /**
   * Runs one request, and publishes what came of it.
   *
   * @returns the reply, a line of ASCII JSON (after byte 0xFF where the command has it so), or
   * undefined when there is none. It never throws for what a client or a handler does. When a command
   * fails whose reply has begun, the line ends where it is, so that no client takes it for a whole one.
   */
  async dispatch(
    request: Request<Context> | Refusal,
    { client, mayStart }: DispatchOptions = {},
  ): Promise<Reply | undefined> {
    const { id } = request;
    if ("error" in request) {
      if (request.isJson) this.#done(undefined, client)("error", request.error.message);
      else this.#publish({ kind: "parse-error" });
      return errorReply(request.error, id);
    }
    const { command } = request;
    if (mayStart !== undefined && !mayRunConcurrently(command)) {
      // One that is refused need not wait.
      if (this.#policy.whyDisabled(command) === undefined && !await mayStart()) return undefined;
    }
    const done = this.#done(command, client);
    try {
      const disabled = this.#policy.whyDisabled(command);
      if (disabled !== undefined) {
        const error = new QapiError(
          `Command ${command.name} has been disabled: ${disabled}`,
          "CommandNotFound",
        );
        this.#log.debug("command blocked", { command: command.name, reason: disabled });
        done("blocked", error.message);
        return errorReply(error, id);
      }
      const result = await command.execute(request.arguments, this.#context);
      if (result instanceof JsonItems) return await this.#itemsReply(result, id, command, done);
      done("success");
      if (command.reply === "none") return undefined;
      return successReply(result, id, command.reply === "delimited");
    } catch (error) {
      const qapiError = this.#asQapiError(error, command);
      done("error", qapiError.message);
      return errorReply(qapiError, id);
    }
  }

  /** Publishes how a request ended that begins now; `command` is undefined when the agent has none for it. */
  #done(command: Command<Context> | undefined, client: string | undefined): Done {
    const started = performance.now();
    return (outcome, error) => {
      const seconds = (performance.now() - started) / 1000;
      this.#publish({
        kind: "request",
        command: command?.name ?? UNKNOWN_COMMAND,
        family: command?.family ?? "unknown",
        isAudited: command !== undefined && isAudited(command),
        outcome,
        error,
        seconds,
        client,
      });
    };
  }

  /** The first piece is made at once: what fails until then is answered by an error. */
  async #itemsReply(
    items: JsonItems,
    id: JsonValue | undefined,
    command: Command<Context>,
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
    command: Command<Context>,
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
      this.#log.error("a reply breaks off", { command: command.name, error });
      yield LINE_END;
    } finally {
      await others.return(NOTHING);
      done(error === undefined ? "success" : "error", error);
    }
  }

  /** The one place where a foreseen failure, the kernel's among others, becomes a reply. */
  #asQapiError(error: unknown, command: Command<Context>): QapiError {
    if (error instanceof QapiError) return error;
    const message = messageOf(error);
    if (error instanceof FaultError) {
      return new QapiError(message, "GenericError", { cause: error });
    }
    this.#log.error("a command failed in an unforeseen way", {
      command: command.name,
      error: message,
      stack: error instanceof Error ? error.stack : undefined,
    });
    return new QapiError(message);
  }
}
