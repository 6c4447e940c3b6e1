import type { Channel } from "../channel/channel.ts";
import type { Dispatcher } from "../protocol/dispatcher.ts";
import { JsonMessageStream } from "../protocol/json_message_stream.ts";
import type { Log } from "../telemetry/log.ts";

/**
 * Serves a channel until it is disposed of: one session after the other, one request after the other,
 * each answered before the next is looked at. Half a request ends with its session.
 */
export async function serve<Context>(
  channel: Channel,
  dispatcher: Dispatcher<Context>,
  log: Log,
): Promise<void> {
  for await (const session of channel.sessions()) {
    log.debug("client connected", { client: session.client });
    const stream = new JsonMessageStream();
    for (
      let bytes = await session.read();
      bytes !== undefined;
      bytes = await session.read()
    ) {
      for (const message of stream.feed(bytes)) {
        const reply = await dispatcher.dispatch(message);
        if (reply === undefined || await session.write(reply)) continue;
        log.debug("reply dropped, the client has left", { bytes: reply.length });
      }
    }
    log.debug("client left", { client: session.client });
  }
}
