import { messageOf } from "../fault.ts";
import type { KernelFiles } from "../linux/kernel_files.ts";
import type { Libc } from "../linux/libc.ts";
import { hasListener, ListeningSocket, unixAddress } from "../linux/listening_socket.ts";
import { ChannelError } from "./channel.ts";
import { SocketListener } from "./socket_listener.ts";

/**
 * The channel on a unix socket. A socket file that nobody listens on is replaced; the new one is
 * accessible to its owner only and is removed when the channel is disposed of.
 *
 * @throws ChannelError when somebody else listens there, or the path cannot be used
 */
export function unixListenChannel(libc: Libc, files: KernelFiles, path: string): SocketListener {
  try {
    const address = unixAddress(path);
    if (files.exists(path)) removeStaleSocket(libc, address, path);
    using unused = new DisposableStack();
    const socket = unused.use(new ListeningSocket(libc, address));
    Deno.chmodSync(path, 0o600);
    const channel = new SocketListener(libc, socket, path, () => removeIfThere(path));
    unused.move();
    return channel;
  } catch (error) {
    const reason = messageOf(error);
    throw new ChannelError(`cannot listen on ${path}: ${reason}`, undefined, { cause: error });
  }
}

function removeStaleSocket(libc: Libc, address: Uint8Array<ArrayBuffer>, path: string): void {
  if (!Deno.lstatSync(path).isSocket) throw new Error("it exists and is not a socket; remove it");
  if (hasListener(libc, address)) {
    throw new Error(
      "another agent is listening there already; stop it or choose another --path",
    );
  }
  removeIfThere(path);
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
