import type { Reply } from "../../agent/protocol/reply.ts";

/** All bytes of a reply; none for a command without one. */
export async function replyBytes(reply: Reply | undefined): Promise<Uint8Array> {
  if (reply === undefined) return new Uint8Array(0);
  if (reply instanceof Uint8Array) return reply;
  const bytes: number[] = [];
  // A piece is valid until the next one is asked for.
  for await (const piece of reply) for (const byte of piece) bytes.push(byte);
  return Uint8Array.from(bytes);
}
