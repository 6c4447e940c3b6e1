import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "fast-check";
import { checkProperty } from "../../tests/harness/property.ts";
import { GrowingBytes } from "./growing_bytes.ts";

const MEBIBYTE = 1024 * 1024;

/** Memory of this process that no file stands behind, in bytes. */
function anonymousMemory(): number {
  const status = Deno.readTextFileSync("/proc/self/status");
  return Number(/^RssAnon:\s+(\d+)/m.exec(status)?.[1]) * 1024;
}

Deno.test("the beginning is kept up to the limit, whatever the pieces", async () => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 40_000, size: "max" }), { maxLength: 8 });
  await checkProperty("pieces", fc.tuple(pieces, fc.nat(200_000)), ([chunks, limit]) => {
    using bytes = new GrowingBytes(limit);
    const all = chunks.flatMap((chunk) => [...chunk]).slice(0, limit);
    let taken = 0;
    for (const chunk of chunks) taken += bytes.append(chunk);
    equal(taken, all.length);
    equal(bytes.length, all.length);
    equal(bytes.bytes.toHex(), Uint8Array.from(all).toHex());
  }, 50);
});

Deno.test("room is filled in place, and ends at the limit", () => {
  using bytes = new GrowingBytes(100_000);
  bytes.append(Uint8Array.of(1));
  const room = bytes.room(70_000);
  equal(room.length, 70_000);
  room.fill(2);
  bytes.extend(50_000);
  equal(bytes.room(70_000).length, 49_999);
  equal(bytes.length, 50_001);
  deepEqual([bytes.bytes[0], bytes.bytes[1], bytes.bytes[50_000]], [1, 2, 2]);
});

Deno.test("disposing gives the memory back at once, and the bytes can be collected again", () => {
  const bytes = new GrowingBytes(64 * MEBIBYTE);
  const chunk = new Uint8Array(MEBIBYTE).fill(7);
  for (let count = 0; count < 48; count++) bytes.append(chunk);
  const full = anonymousMemory();
  bytes[Symbol.dispose]();
  ok(full - anonymousMemory() > 40 * MEBIBYTE);
  equal(bytes.length, 0);
  bytes.append(Uint8Array.of(1, 2));
  deepEqual([...bytes.bytes], [1, 2]);
  bytes[Symbol.dispose]();
});
