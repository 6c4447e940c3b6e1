import type { Channel } from "../channel/channel.ts";
import type { Dispatcher } from "../protocol/dispatcher.ts";
import { JsonMessageStream } from "../protocol/json_message_stream.ts";
import type { Publish } from "../telemetry/activity.ts";
import type { Log } from "../telemetry/log.ts";

/**
 * Serves a channel until it is disposed of: one session after the other, one request after the other,
 * each answered before the next is looked at. Half a request ends with its session.
 */
export async function serve<Context>(
  channel: Channel,
  dispatcher: Dispatcher<Context>,
  log: Log,
  publish: Publish,
): Promise<void> {
  for await (const session of channel.sessions()) {
    const path = session.client;
    log.debug("client connected", { client: path });
    publish({ kind: "port", state: "connected", path, reason: undefined });
    const stream = new JsonMessageStream();
    for (
      let bytes = await session.read();
      bytes !== undefined;
      bytes = await session.read()
    ) {
      publish({ kind: "received", bytes: bytes.length });
      for (const message of stream.feed(bytes)) {
        const reply = await dispatcher.dispatch(message, path);
        if (reply === undefined) continue;
        if (await session.write(reply)) publish({ kind: "sent", bytes: reply.length });
        else log.debug("reply dropped, the client has left", { bytes: reply.length });
      }
    }
    log.debug("client left", { client: path });
    publish({ kind: "port", state: "waiting", path, reason: undefined });
  }
}
