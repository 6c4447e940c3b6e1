import { parseExactJson, stringifyExactJson } from "../harness/exact_json.ts";
import { ConnectionClosedError, UnixStream } from "../harness/unix_stream.ts";

/** A reply as Proxmox VE hands it on. */
export interface ProxmoxReply {
  /** What the command returned, if it did. */
  readonly return?: unknown;
  /** Why it failed, if it did. */
  readonly error?: { readonly class: string; readonly desc: string };
}

/** How long Proxmox VE waits for a reply, in milliseconds, where that is not the default. */
const TIMEOUTS: Readonly<Record<string, number>> = {
  "guest-ping": 3_000,
  "guest-fsfreeze-freeze": 600_000,
  "guest-fsfreeze-thaw": 180_000,
  "guest-fstrim": 600_000,
  "guest-shutdown": 600_000,
};
const DEFAULT_TIMEOUT = 5_000;

/** Those whose reply may be missing: the connection's end is as good. */
const WITHOUT_REPLY = [
  "guest-shutdown",
  "guest-suspend-disk",
  "guest-suspend-ram",
  "guest-suspend-hybrid",
];

/**
 * The guest agent's client of Proxmox VE (its QMPClient): a connection for each command, on which it
 * sends a guest-sync-delimited without a 0xFF before it, and the command, at once.
 */
export class ProxmoxClient {
  readonly #socket: string;
  #sequence = 0;

  /** A client of the agent behind this socket. */
  constructor(socket: string) {
    this.#socket = socket;
  }

  /**
   * Runs a command; undefined when the connection ended instead of a reply, where that may be.
   *
   * @throws {Error} if the reply is not what Proxmox VE understands, or comes too late for it.
   */
  async command(
    command: string,
    args: Readonly<Record<string, unknown>> = {},
  ): Promise<ProxmoxReply | undefined> {
    const id = BigInt(`${Deno.pid}0${++this.#sequence}`);
    await using stream = await UnixStream.connect(this.#socket);
    await stream.send(
      line({ execute: "guest-sync-delimited", arguments: { id } }) +
        line({ execute: command, arguments: args }),
    );
    const end = performance.now() + (TIMEOUTS[command] ?? DEFAULT_TIMEOUT);
    let received = "";
    for (;;) {
      try {
        const bytes = await stream.receive({ timeoutMs: end - performance.now() });
        received += String.fromCharCode(...bytes);
      } catch (error) {
        const ended = error instanceof ConnectionClosedError;
        if (ended && WITHOUT_REPLY.includes(command)) return undefined;
        throw error;
      }
      const reply = matchReply(received, id);
      if (reply !== undefined) return reply;
    }
  }

  /**
   * Runs a command and gives what it returned.
   *
   * @throws {Error} if it fails, or as `command` does.
   */
  async execute(command: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    const reply = await this.command(command, args);
    if (reply === undefined || !("return" in reply)) {
      throw new Error(`${command}: ${reply?.error?.desc ?? "no reply"}`);
    }
    return reply.return;
  }
}

/**
 * The reply to the command that followed the synchronisation `id`, or undefined as long as more must
 * be read: what follows the last 0xFF must be exactly two lines, each of which ends in a brace.
 *
 * @param received all bytes so far, each as the character of that number
 * @throws {Error} if the synchronisation is not the one.
 */
export function matchReply(received: string, id: bigint): ProxmoxReply | undefined {
  if (!received.endsWith("}\n")) return undefined;
  const [, sync, reply] = /^([^\n]*\})\n([^\n]*\})\n$/.exec(
    received.slice(received.lastIndexOf("\xff") + 1),
  ) ?? [];
  if (sync === undefined || reply === undefined) return undefined;
  // Replies are objects: the agent's protocol has no others.
  const synchronized = parseExactJson(sync) as ProxmoxReply;
  const got = BigInt(String(synchronized.return));
  if (got < id) return undefined;
  if (got > id) throw new Error(`got wrong command id '${got}' (expected ${id})`);
  return parseExactJson(reply) as ProxmoxReply;
}

function line(message: unknown): string {
  return `${stringifyExactJson(message)}\n`;
}
