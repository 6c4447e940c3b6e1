import type { AnyCommandDeclaration } from "./command.ts";

/** The lists of command names that the options give; undefined where none was given. */
export interface PolicyLists {
  /** `--allow-rpcs`: everything else is blocked. */
  readonly allow: readonly string[] | undefined;
  /** `--block-rpcs`: these are blocked, and those blocked by default are not. */
  readonly block: readonly string[] | undefined;
  /** `--enable-commands`: these are added to what may run by default or by the other lists. */
  readonly enable?: readonly string[];
  /** `--disable-commands`: these are taken from that, whatever else is said. */
  readonly disable?: readonly string[];
}

/** The lists of a configuration. */
export function policyLists(
  config: {
    readonly allowRpcs: readonly string[] | undefined;
    readonly blockRpcs: readonly string[] | undefined;
    readonly enableCommands: readonly string[];
    readonly disableCommands: readonly string[];
  },
): PolicyLists {
  return {
    allow: config.allowRpcs,
    block: config.blockRpcs,
    enable: config.enableCommands,
    disable: config.disableCommands,
  };
}

/** What of the agent's state decides whether a command may run. */
export interface PolicyState {
  /** Whether file systems are frozen now. */
  readonly isFrozen?: () => boolean;
  /** Whether the agent has credentials for the Talos API. */
  readonly hasCredentials?: boolean;
}

const NOT_ALLOWED = "the command is not allowed";
const NO_CREDENTIALS = "the agent has no credentials for the Talos API; --talosconfig names them";
const HOW_TO_OPEN = "--enable-commands opens it";

/** Decides which commands may run. Unknown names in the lists are ignored, as qemu-ga does. */
export class Policy {
  readonly #allow: ReadonlySet<string> | undefined;
  readonly #block: ReadonlySet<string> | undefined;
  readonly #enable: ReadonlySet<string>;
  readonly #disable: ReadonlySet<string>;
  readonly #state: PolicyState;

  constructor(lists: PolicyLists, state: PolicyState = {}) {
    this.#allow = lists.allow === undefined ? undefined : new Set(lists.allow);
    this.#block = lists.block === undefined ? undefined : new Set(lists.block);
    this.#enable = new Set(lists.enable);
    this.#disable = new Set(lists.disable);
    this.#state = state;
  }

  /** Why a command may not run, in words that fit behind a colon; undefined when it may. */
  whyDisabled(
    { name, whileFrozen, isSync, callsTalos, byDefault }: AnyCommandDeclaration,
  ): string | undefined {
    if (isSync) return undefined;
    if (this.#state.isFrozen?.() && whileFrozen !== "as-allowed") {
      return whileFrozen === "always" ? undefined : "the agent is in frozen state";
    }
    if (byDefault?.access === "never") return byDefault.reason;
    if (callsTalos && this.#state.hasCredentials === false) return NO_CREDENTIALS;
    if (this.#disable.has(name)) return NOT_ALLOWED;
    if (this.#enable.has(name)) return undefined;
    if (this.#block?.has(name)) return NOT_ALLOWED;
    if (this.#allow !== undefined) return this.#allow.has(name) ? undefined : NOT_ALLOWED;
    if (this.#block !== undefined || byDefault === undefined) return undefined;
    return `${byDefault.reason}; ${HOW_TO_OPEN}`;
  }
}
