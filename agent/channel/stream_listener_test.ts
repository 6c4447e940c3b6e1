import assert from "node:assert/strict";
import { StreamListener } from "./stream_listener.ts";

Deno.test("a client that was accepted while the channel was closed does not keep it open", async () => {
  using sockets = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = sockets.addr as Deno.NetAddr;
  const [client, accepted] = await Promise.all([Deno.connect({ port }), sockets.accept()]);
  using _client = client;
  const closed = Promise.withResolvers<void>();
  // What a real listener does when the signal to stop comes together with a client.
  const listener = Object.assign(Object.create(sockets) as Deno.Listener, {
    close: () => closed.resolve(),
    async *[Symbol.asyncIterator]() {
      await closed.promise;
      yield accepted;
    },
  });
  const channel = new StreamListener(listener, "client");
  const next = channel.sessions()[Symbol.asyncIterator]().next();
  await channel[Symbol.asyncDispose]();
  assert.deepEqual(await next, { value: undefined, done: true });
  assert.equal(await client.read(new Uint8Array(1)), null);
});
