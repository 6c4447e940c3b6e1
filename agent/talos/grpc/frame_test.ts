import assert from "node:assert/strict";
import fc from "fast-check";
import { checkProperty } from "../../../tests/harness/property.ts";
import {
  grpcFrame,
  GrpcFrameError,
  MAX_MESSAGE_BYTES,
  readGrpcFrame,
  readGrpcFrames,
} from "./frame.ts";

async function* chunksOf(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let offset = 0;
  for (const size of sizes) {
    await Promise.resolve();
    yield bytes.subarray(offset, offset + size);
    offset += size;
  }
  yield bytes.subarray(offset);
}

const sizes = fc.array(fc.nat(9), { maxLength: 8 });

Deno.test("a message is read however it is cut into chunks", async () => {
  const message = fc.uint8Array({ maxLength: 40 });
  await checkProperty("frames", fc.tuple(message, sizes), async ([bytes, cuts]) => {
    assert.deepEqual(await readGrpcFrame(chunksOf(grpcFrame(bytes), cuts)), bytes);
  });
});

Deno.test("messages of a stream are read however they are cut into chunks", async () => {
  const messages = fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 5 });
  await checkProperty("streams", fc.tuple(messages, sizes), async ([all, cuts]) => {
    const bytes = new Uint8Array(all.flatMap((message) => [...grpcFrame(message)]));
    assert.deepEqual(await Array.fromAsync(readGrpcFrames(chunksOf(bytes, cuts))), all);
  });
});

Deno.test("a message of a stream is given before the next has come", async () => {
  async function* body(): AsyncGenerator<Uint8Array> {
    yield grpcFrame(Uint8Array.of(1));
    await Promise.reject(new Error("read too far"));
  }
  for await (const message of readGrpcFrames(body())) {
    assert.deepEqual(message, Uint8Array.of(1));
    return;
  }
});

Deno.test("random bytes are messages of a stream, or a GrpcFrameError after those", async () => {
  await checkProperty("stream bodies", fc.tuple(fc.uint8Array(), sizes), async ([bytes, cuts]) => {
    const whole: number[] = [];
    try {
      for await (const message of readGrpcFrames(chunksOf(bytes, cuts))) {
        whole.push(...grpcFrame(message));
      }
      assert.deepEqual(whole, [...bytes]);
    } catch (error) {
      assert(error instanceof GrpcFrameError, String(error));
      assert.deepEqual(whole, [...bytes.subarray(0, whole.length)]);
    }
  }, 500);
});

Deno.test("a frame that is cut short anywhere is an error", async () => {
  const message = fc.uint8Array({ minLength: 1, maxLength: 40 });
  await checkProperty(
    "cut frames",
    fc.tuple(message, sizes, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })),
    async ([bytes, cuts, part]) => {
      const frame = grpcFrame(bytes);
      const short = frame.subarray(0, Math.floor(frame.length * part));
      await assert.rejects(readGrpcFrame(chunksOf(short, cuts)), GrpcFrameError);
    },
  );
});

Deno.test("random bytes give a message or a GrpcFrameError", async () => {
  await checkProperty("bodies", fc.tuple(fc.uint8Array(), sizes), async ([bytes, cuts]) => {
    try {
      const message = await readGrpcFrame(chunksOf(bytes, cuts));
      assert.deepEqual(grpcFrame(message), new Uint8Array(bytes));
    } catch (error) {
      assert(error instanceof GrpcFrameError, String(error));
    }
  }, 500);
});

for (
  const [what, hex, message] of [
    ["a compressed message", "010000000100", /compressed/],
    ["bytes after the message", "000000000100ff", /more bytes/],
    ["no bytes", "", /no message/],
    ["a part of the prefix", "000000", /only 3 bytes/],
    ["a part of the message", "0000000002ff", /only 6 bytes/],
  ] as const
) {
  Deno.test(`${what}: an error`, async () => {
    await assert.rejects(readGrpcFrame(chunksOf(Uint8Array.fromHex(hex), [])), {
      name: "GrpcFrameError",
      message,
    });
  });
}

Deno.test("a message that is too large is refused by its prefix alone", async () => {
  let read = 0;
  async function* body(): AsyncGenerator<Uint8Array> {
    const prefix = new Uint8Array(5);
    new DataView(prefix.buffer).setUint32(1, MAX_MESSAGE_BYTES + 1);
    for (const chunk of [prefix, new Uint8Array(1)]) {
      await Promise.resolve();
      read++;
      yield chunk;
    }
  }
  await assert.rejects(readGrpcFrame(body()), { message: /a message of 33554433 bytes/ });
  assert.equal(read, 1);
});
