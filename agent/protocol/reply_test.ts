import { deepEqual, equal, ok } from "node:assert/strict";
import { GrowingBytes } from "../memory/growing_bytes.ts";
import { replyBytes } from "../../tests/harness/reply_bytes.ts";
import { ResultWithBytes } from "./command_result.ts";
import { QapiError } from "./qapi_error.ts";
import { dropReply, errorReply, type Reply, successReply } from "./reply.ts";

const text = async (reply: Reply) => new TextDecoder("latin1").decode(await replyBytes(reply));

Deno.test("a reply is one line, with what the request has as its id", async () => {
  equal(await text(successReply({}, undefined, false)), '{"return": {}}\n');
  equal(await text(successReply(7n, 8n, true)), '\u00ff{"return": 7, "id": 8}\n');
  equal(
    await text(successReply(7n, { a: [null] }, true)),
    '\u00ff{"return": 7, "id": {"a": [null]}}\n',
  );
  equal(
    await text(errorReply(new QapiError("no"), "\u00e9".repeat(2000))),
    `{"error": {"class": "GenericError", "desc": "no"}, "id": "${"\\u00E9".repeat(2000)}"}\n`,
  );
});

Deno.test("a large reply is sent in pieces of moderate size", async () => {
  const id = "\u007f".repeat(100_000);
  const reply = successReply({}, id, false);
  ok(!(reply instanceof Uint8Array));
  const lengths: number[] = [];
  for await (const { length } of reply) lengths.push(length);
  ok(lengths.length > 6 && Math.max(...lengths) <= 100_000, lengths.join());
  equal(
    await text(successReply({}, id, false)),
    `{"return": {}, "id": "${"\\u007F".repeat(100_000)}"}\n`,
  );
});

Deno.test("bytes are base64 between the other members, and are given back in the end", async () => {
  const bytes = new GrowingBytes(100_000);
  bytes.append(new Uint8Array(100_000).fill(9));
  const base64 = bytes.bytes.toBase64();
  const result = new ResultWithBytes(
    { count: 100_000, "buf-b64": bytes, eof: true },
    () => bytes[Symbol.dispose](),
  );
  equal(
    await text(successReply(result, 5n, false)),
    `{"return": {"count": 100000, "buf-b64": "${base64}", "eof": true}, "id": 5}\n`,
  );
  equal(bytes.length, 0);
});

Deno.test("bytes are given back also when nobody takes the reply", async () => {
  let released = 0;
  const result = new ResultWithBytes({}, () => released++);
  await dropReply(successReply(result, undefined, false));
  deepEqual(released, 1);
});
