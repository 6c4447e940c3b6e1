import { FaultError } from "../fault.ts";

/** A command that takes longer, in milliseconds, is not waited for alone: its client is watched meanwhile. */
export const LONG_COMMAND_MS = 20;

/** One client session, from connect (or first byte, where a connection cannot be seen) to disconnect. */
export interface Session {
  /** The client's name, for the log. */
  readonly client: string;

  /**
   * The next bytes of the client, or undefined when it has left and all it sent was read. The array is
   * valid until the next call.
   */
  read(): Promise<Uint8Array | undefined>;

  /** Whether a reply can still reach the client: a socket's client may send no more and still read. */
  takesReply(): boolean;

  /**
   * Sends all bytes, and waits as long as the client does not read them.
   *
   * @returns false when the client left before it had them all; the rest is dropped
   */
  write(bytes: Uint8Array): Promise<boolean>;
}

/** A way by which a hypervisor reaches the agent. */
export interface Channel extends AsyncDisposable {
  /**
   * The sessions, one after the other. It waits for devices that are missing or busy, and comes to an
   * end when the channel is disposed of.
   *
   * @throws ChannelError when the channel cannot work at all
   */
  sessions(): AsyncIterable<Session>;
}

/** A channel that cannot be opened; the message names the path and says what to do. */
export class ChannelError extends FaultError {
  override readonly name = "ChannelError";
}
