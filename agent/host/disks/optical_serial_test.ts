import assert from "node:assert/strict";
import { parseIdentitySerial } from "./optical_serial.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

Deno.test("an ATAPI drive's serial number is the trimmed field of its identity", () => {
  const identity = new Uint8Array(512);
  assert.equal(parseIdentitySerial(identity), undefined);
  identity.fill(0x20, 20, 40);
  assert.equal(parseIdentitySerial(identity), undefined);
  identity.set(bytes("firmware"), 46);
  identity.set(bytes("QM00003"), 20);
  assert.equal(parseIdentitySerial(identity), "QM00003");
  identity.set(bytes("12345678901234567890"), 20);
  assert.equal(parseIdentitySerial(identity), "12345678901234567890");
});
