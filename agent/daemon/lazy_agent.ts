import { guestPing } from "../commands/agent.ts";
import { guestSync, guestSyncDelimited } from "../commands/sync.ts";
import { Dispatcher } from "../protocol/dispatcher.ts";
import type { JsonMessage } from "../protocol/json_message_stream.ts";
import { Policy, type PolicyLists } from "../protocol/policy.ts";
import type { Publish } from "../activity/activity.ts";
import type { Log } from "../log/log.ts";
import type { Agent } from "./agent.ts";
import type { MessageHandler } from "./request_loop.ts";

/** What a `LazyAgent` works with. */
export interface LazyAgentOptions {
  readonly lists: PolicyLists;
  readonly log: Log;
  readonly publish: Publish;
  /** Makes the agent; called once at most. */
  readonly load: () => Promise<Agent>;
}

/**
 * An agent that is loaded when it is needed: all commands and what they work with are most of the
 * program, and V8 takes longer to read them than to answer what a hypervisor sends first. That,
 * guest-sync and guest-ping, is answered without.
 */
export class LazyAgent implements AsyncDisposable {
  readonly #load: () => Promise<Agent>;
  readonly #first: Dispatcher<unknown>;
  #loading: Promise<Agent> | undefined;
  #loaded: Agent | undefined;
  #stopping = false;

  constructor({ lists, log, publish, load }: LazyAgentOptions) {
    this.#load = load;
    const commands = [guestSync, guestSyncDelimited, guestPing];
    this.#first = new Dispatcher(commands, new Policy(lists, {}), undefined, log, publish);
  }

  /**
   * The whole agent.
   *
   * @throws what `load` throws
   */
  async whole(): Promise<Agent> {
    this.#loading ??= this.#load();
    const agent = await this.#loading;
    if (this.#stopping) await agent.stop();
    this.#loaded = agent;
    return agent;
  }

  /**
   * What handles a message; the agent is loaded for it where it must be.
   *
   * @throws what `load` throws
   */
  handlerOf(message: JsonMessage): MessageHandler | Promise<MessageHandler> {
    if (this.#loaded !== undefined) return this.#loaded.dispatcher;
    return this.#first.knows(message)
      ? this.#first
      : this.whole().then(({ dispatcher }) => dispatcher);
  }

  /** See `Agent`. */
  async stop(): Promise<void> {
    this.#stopping = true;
    if (this.#loading !== undefined) await (await this.#loading).stop();
  }

  /** See `Agent`. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#loading !== undefined) await (await this.#loading)[Symbol.asyncDispose]();
  }
}
