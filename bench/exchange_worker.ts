/**
 * A client on a thread of its own, so that the thread that measures does nothing else: it makes one exchange for
 * each message, and says when it is done.
 */

import { BlockingClient } from "./blocking_client.ts";

/** What the worker is asked for. */
export interface Exchange {
  /** The agent's socket. */
  readonly socket: string;
  readonly request: Uint8Array<ArrayBuffer>;
}

const scope = self as unknown as {
  onmessage: (event: MessageEvent<Exchange>) => void;
  postMessage: (message: "answered") => void;
};
scope.onmessage = ({ data: { socket, request } }) => {
  using client = new BlockingClient(socket);
  client.exchange(request);
  scope.postMessage("answered");
};
