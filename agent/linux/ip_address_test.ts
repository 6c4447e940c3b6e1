import assert from "node:assert/strict";
import fc from "fast-check";
import { checkProperty } from "../../tests/harness/property.ts";
import { formatIpv4, formatIpv6 } from "./ip_address.ts";
import { Libc } from "./libc.ts";

const SYMBOLS = {
  inet_ntop: { parameters: ["i32", "buffer", "buffer", "u32"], result: "pointer" },
} as const satisfies Deno.ForeignLibraryInterface;

const AF_INET = 2;
const AF_INET6 = 10;

function inetNtop(libc: Libc, family: number, bytes: Uint8Array): string {
  const text = new Uint8Array(46);
  const { inet_ntop } = libc.bind(SYMBOLS);
  assert.ok(inet_ntop(family, Uint8Array.from(bytes), text, text.length) !== null);
  return new TextDecoder().decode(text.subarray(0, text.indexOf(0)));
}

Deno.test("addresses have the texts that inet_ntop(3) gives", async () => {
  using libc = new Libc();
  const address = (size: number) =>
    fc.array(fc.oneof(fc.constant(0), fc.constant(0xff), fc.nat(0xff)), {
      minLength: size,
      maxLength: size,
    }).map((bytes) => Uint8Array.from(bytes));
  // In whole words, so that stretches of zeros are long.
  const sparse = fc.array(fc.constantFrom([0, 0], [0, 1], [0xff, 0xff], [0x20, 0x01]), {
    minLength: 8,
    maxLength: 8,
  }).map((words) => Uint8Array.from(words.flat()));
  // As ::a.b.c.d and ::ffff:a.b.c.d begin.
  const embedded = fc.tuple(fc.constantFrom(10, 12, 14), address(6), fc.boolean()).map(
    ([zeros, rest, mapped]) => {
      const bytes = new Uint8Array(16);
      bytes.set(rest.subarray(0, 16 - zeros), zeros);
      if (mapped) bytes.fill(0xff, 10, 12);
      return bytes;
    },
  );
  const anyIpv6 = fc.oneof(address(16), sparse, embedded);
  await checkProperty("addresses", fc.tuple(address(4), anyIpv6), ([ipv4, ipv6]) => {
    assert.equal(formatIpv4(ipv4), inetNtop(libc, AF_INET, ipv4));
    assert.equal(formatIpv6(ipv6), inetNtop(libc, AF_INET6, ipv6));
  }, 1000);
});
