import { messageOf } from "../fault.ts";
import type { Libc } from "../linux/libc.ts";
import { ListeningSocket, vsockAddress } from "../linux/listening_socket.ts";
import { ChannelError } from "./channel.ts";
import { SocketListener } from "./socket_listener.ts";

const LARGEST = 0xffff_ffff;

/**
 * The channel on a vsock(7) port.
 *
 * @param path `CID:PORT`; CID is the machine's own or 4294967295 (also written -1) for any
 * @throws ChannelError when the text is of another form, the port is taken, or there is no vsock
 */
export function vsockListenChannel(libc: Libc, path: string): SocketListener {
  const match = /^(-1|\d+):(\d+)$/.exec(path);
  const [cid, port] = (match ?? []).slice(1).map(Number);
  if (cid === undefined || port === undefined || cid > LARGEST || port > LARGEST) {
    throw new ChannelError(
      `cannot listen on vsock ${path}: give --path as CID:PORT, such as -1:1234`,
    );
  }
  try {
    const socket = new ListeningSocket(libc, vsockAddress(cid, port));
    return new SocketListener(libc, socket, `vsock ${path}`);
  } catch (error) {
    const reason = messageOf(error);
    throw new ChannelError(`cannot listen on vsock ${path}: ${reason}`, undefined, {
      cause: error,
    });
  }
}
