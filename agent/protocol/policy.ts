import type { CommandDeclaration } from "./command.ts";
import type { ArgumentDeclarations } from "./argument_type.ts";

/** The lists of command names that qemu-ga's options give; undefined where none was given. */
export interface PolicyLists {
  /** `--allow-rpcs`: everything else is blocked. */
  readonly allow: readonly string[] | undefined;
  /** `--block-rpcs`: these are blocked, and the commands' own defaults do not count. */
  readonly block: readonly string[] | undefined;
}

/** Decides which commands may run. Unknown names in the lists are ignored, as qemu-ga does. */
export class Policy {
  readonly #allow: ReadonlySet<string> | undefined;
  readonly #block: ReadonlySet<string> | undefined;
  readonly #frozen: () => boolean;

  /** `frozen` tells whether file systems are frozen now. */
  constructor(lists: PolicyLists, frozen: () => boolean = () => false) {
    this.#frozen = frozen;
    this.#allow = lists.allow === undefined ? undefined : new Set(lists.allow);
    this.#block = lists.block === undefined ? undefined : new Set(lists.block);
  }

  /** Why a command may not run, in words that fit behind a colon; undefined when it may. */
  whyDisabled(command: CommandDeclaration<ArgumentDeclarations>): string | undefined {
    const { name, defaultPolicy, whileFrozen } = command;
    if (this.#frozen() && whileFrozen !== "as-allowed") {
      return whileFrozen === "always" ? undefined : "the agent is in frozen state";
    }
    if (this.#block?.has(name)) return "the command is not allowed";
    if (this.#allow !== undefined) {
      return this.#allow.has(name) ? undefined : "the command is not allowed";
    }
    if (this.#block === undefined && !defaultPolicy.enabled) return defaultPolicy.reason;
    return undefined;
  }
}
