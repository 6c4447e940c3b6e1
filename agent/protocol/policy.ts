import type { CommandDeclaration } from "./command.ts";
import type { ArgumentDeclarations } from "./argument_type.ts";

/** The lists of command names that qemu-ga's options give; undefined where none was given. */
export interface PolicyLists {
  /** `--allow-rpcs`: everything else is blocked. */
  readonly allow: readonly string[] | undefined;
  /** `--block-rpcs`: these are blocked, and those blocked by default are not. */
  readonly block: readonly string[] | undefined;
}

/** Why a command does not run by default, in words that fit behind a colon. */
export interface DefaultRule {
  /** `blocked`: the lists can open it; `never`: nothing can. */
  readonly access: "blocked" | "never";
  readonly reason: string;
}

/** What does not run by default, by command name; everything else does. */
export type DefaultPolicy = Readonly<Record<string, DefaultRule>>;

const NOT_ALLOWED = "the command is not allowed";
const HOW_TO_OPEN = "--block-rpcs without it, or --allow-rpcs with it, opens it";

/** Decides which commands may run. Unknown names in the lists are ignored, as qemu-ga does. */
export class Policy {
  readonly #allow: ReadonlySet<string> | undefined;
  readonly #block: ReadonlySet<string> | undefined;
  readonly #defaults: ReadonlyMap<string, DefaultRule>;
  readonly #frozen: () => boolean;

  /** `frozen` tells whether file systems are frozen now. */
  constructor(
    lists: PolicyLists,
    defaults: DefaultPolicy,
    frozen: () => boolean = () => false,
  ) {
    this.#frozen = frozen;
    this.#allow = lists.allow === undefined ? undefined : new Set(lists.allow);
    this.#block = lists.block === undefined ? undefined : new Set(lists.block);
    this.#defaults = new Map(Object.entries(defaults));
  }

  /** Why a command may not run, in words that fit behind a colon; undefined when it may. */
  whyDisabled(
    { name, whileFrozen, unblockable }: CommandDeclaration<ArgumentDeclarations>,
  ): string | undefined {
    if (unblockable) return undefined;
    if (this.#frozen() && whileFrozen !== "as-allowed") {
      return whileFrozen === "always" ? undefined : "the agent is in frozen state";
    }
    const rule = this.#defaults.get(name);
    if (rule?.access === "never") return rule.reason;
    if (this.#block?.has(name)) return NOT_ALLOWED;
    if (this.#allow !== undefined) return this.#allow.has(name) ? undefined : NOT_ALLOWED;
    if (this.#block !== undefined || rule === undefined) return undefined;
    return `${rule.reason}; ${HOW_TO_OPEN}`;
  }
}
