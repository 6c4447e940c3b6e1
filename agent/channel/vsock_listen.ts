import { ChannelError } from "./channel.ts";
import { StreamListener } from "./stream_listener.ts";

/**
 * The channel on a vsock(7) port.
 *
 * @param path `CID:PORT`; CID is the machine's own or 4294967295 (also written -1) for any
 * @throws ChannelError when the text is of another form, the port is taken, or there is no vsock
 */
export function vsockListenChannel(path: string): StreamListener {
  const match = /^(-1|\d+):(\d+)$/.exec(path);
  if (match === null) {
    throw new ChannelError(
      `cannot listen on vsock ${path}: give --path as CID:PORT, such as -1:1234`,
    );
  }
  const [, cid, port] = match;
  try {
    const listener = Deno.listen({ transport: "vsock", cid: Number(cid), port: Number(port) });
    return new StreamListener(listener, `vsock ${path}`);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ChannelError(`cannot listen on vsock ${path}: ${reason}`, { cause: error });
  }
}
