import type { KernelFiles } from "../host/kernel_files.ts";
import { ChannelError } from "./channel.ts";
import { StreamListener } from "./stream_listener.ts";

/**
 * The channel on a unix socket. A socket file that nobody listens on is replaced; the new one is
 * accessible to its owner only and is removed when the channel is disposed of.
 *
 * @throws ChannelError when somebody else listens there, or the path cannot be used
 */
export async function unixListenChannel(files: KernelFiles, path: string): Promise<StreamListener> {
  if (files.exists(path)) await removeStaleSocket(path);
  let listener: Deno.UnixListener;
  try {
    listener = Deno.listen({ transport: "unix", path });
    Deno.chmodSync(path, 0o600);
  } catch (error) {
    throw new ChannelError(`cannot listen on ${path}: ${messageOf(error)}`, { cause: error });
  }
  return new StreamListener(listener, path, () => removeIfThere(path));
}

async function removeStaleSocket(path: string): Promise<void> {
  if (!Deno.lstatSync(path).isSocket) {
    throw new ChannelError(`cannot listen on ${path}: it exists and is no socket; remove it`);
  }
  try {
    const connection = await Deno.connect({ transport: "unix", path });
    connection.close();
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionRefused) {
      removeIfThere(path);
      return;
    }
    throw new ChannelError(`cannot listen on ${path}: ${messageOf(error)}`, { cause: error });
  }
  throw new ChannelError(
    `cannot listen on ${path}: another agent is listening there already; stop it or choose another --path`,
  );
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
