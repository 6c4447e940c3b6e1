import type { CommandFamily } from "../activity/command_family.ts";
import { type ArgumentDeclarations, type ArgumentValues, checkMembers } from "./argument_type.ts";
import type { CommandResult, ResultWithBytes } from "./command_result.ts";
import { type ItemStep, JsonItems } from "./json_items.ts";
import type { JsonObject, JsonValue } from "./json_value.ts";

/**
 * How a command answers: `value` with a return value, `delimited` with byte 0xFF before it
 * (guest-sync-delimited), `none` with nothing on success (QAPI `success-response: false`).
 */
export type ReplyKind = "value" | "delimited" | "none";

/** Why a command does not run by default, in words that fit behind a colon. */
export interface AccessRule {
  /** `blocked`: `--enable-commands`, and qemu-ga's lists, can open it; `never`: nothing can. */
  readonly access: "blocked" | "never";
  readonly reason: string;
}

/**
 * What is written down about a command, and nowhere else: validation, policy, guest-info, metrics, audit, the
 * request loop and the documentation go by it.
 */
export interface CommandDeclaration<D extends ArgumentDeclarations> {
  /** The name on the wire. */
  readonly name: string;
  /** One sentence for the documentation: what the command means on Talos. */
  readonly summary: string;
  /** The QEMU version whose schema first had the command. */
  readonly since: string;
  /** The arguments, in the order in which they are checked. */
  readonly arguments: D;
  /** How the command answers. */
  readonly reply: ReplyKind;
  /** What it is counted with. All but `agent` and `information` act on the machine, and are audited. */
  readonly family: CommandFamily;
  /** Whether it only looks, though those of its family act: it is not audited. */
  readonly readsOnly?: true;
  /** Why it does not run by default; left out: it does. */
  readonly byDefault?: AccessRule;
  /** Whether it calls the Talos API: without credentials it never runs. */
  readonly callsTalos?: true;
  /** The Linux capability that the agent must have for it (capabilities(7)); left out when none. */
  readonly capability?: string;
  /**
   * Whether it runs while file systems are frozen: `always`, whatever the lists of `--allow-rpcs` and
   * `--block-rpcs` say, or `as-allowed`, if they let it. Left out: it does not.
   */
  readonly whileFrozen?: "always" | "as-allowed";
  /** Whether it can take seconds, so that its client may abandon it. Left out: it cannot. */
  readonly mayTakeLong?: true;
  /**
   * Whether a client finds its place in the stream by it, and takes it as a sign that the client does not
   * wait for an earlier reply. No list can block it: no client gets on without it.
   */
  readonly isSync?: true;
}

/** A command's declaration, whatever its arguments are. */
export type AnyCommandDeclaration = CommandDeclaration<ArgumentDeclarations>;

/** Whether a command acts on the machine, so that it leaves an audit line. */
export function isAudited({ family, readsOnly }: AnyCommandDeclaration): boolean {
  return family !== "agent" && family !== "information" && family !== "unknown" && !readsOnly;
}

/** Whether a command may run concurrently with one that its client has abandoned, such as a freeze. */
export function mayRunConcurrently({ isSync, whileFrozen }: AnyCommandDeclaration): boolean {
  return isSync === true || whileFrozen !== undefined;
}

/**
 * A command as the dispatcher sees it. `Context` is what every handler gets besides its arguments,
 * `Result` what it returns.
 */
export interface Command<Context, Result extends CommandResult = CommandResult>
  extends CommandDeclaration<ArgumentDeclarations> {
  /**
   * Checks the arguments and runs the command. What a command with the reply kind `none` returns is
   * not sent.
   *
   * @throws QapiError for wrong arguments, and whatever the handler throws
   */
  execute(wireArguments: JsonObject, context: Context): Result | Promise<Result>;
}

/** Joins a declaration and its handler. */
export function defineCommand<
  Context,
  D extends ArgumentDeclarations,
  Result extends JsonValue | ResultWithBytes,
>(
  declaration: CommandDeclaration<D>,
  handler: (values: ArgumentValues<D>, context: Context) => Result | Promise<Result>,
): Command<Context, Result> {
  return {
    ...declaration,
    execute: (wireArguments, context) =>
      handler(checkMembers(declaration.arguments, wireArguments), context),
  };
}

/**
 * As `defineCommand`, for a command that answers with a list which can be long: the handler makes its items
 * step by step, see `JsonItems`.
 */
export function defineListCommand<Context, D extends ArgumentDeclarations>(
  declaration: CommandDeclaration<D> & { readonly reply: "value" },
  handler: (values: ArgumentValues<D>, context: Context) => Iterable<ItemStep>,
): Command<Context, JsonItems> {
  return {
    ...declaration,
    execute: (wireArguments, context) =>
      new JsonItems(handler(checkMembers(declaration.arguments, wireArguments), context)),
  };
}
