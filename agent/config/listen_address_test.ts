import assert from "node:assert/strict";
import fc from "fast-check";
import { checkProperty } from "../../tests/harness/property.ts";
import { formatListenAddress, parseListenAddress } from "./listen_address.ts";

const VALID: Record<string, [string | undefined, number]> = {
  ":9777": [undefined, 9777],
  "127.0.0.1:9777": ["127.0.0.1", 9777],
  "[::1]:9777": ["::1", 9777],
  "[::]:0": ["::", 0],
  "node-1.example:65535": ["node-1.example", 65535],
};

Deno.test("a listen address is HOST:PORT, :PORT or [IPv6]:PORT, and is written the same way", () => {
  for (const [text, [hostname, port]] of Object.entries(VALID)) {
    assert.deepEqual(parseListenAddress(text), { hostname, port });
    assert.equal(formatListenAddress({ hostname, port }), text);
  }
});

Deno.test("everything else is not a listen address", () => {
  for (
    const text of ["", "9777", ":", "::1:9777", "[::1]", "[::1]9777", "a b:1", ":65536", ":-1"]
  ) {
    assert.equal(parseListenAddress(text), undefined, text);
  }
});

Deno.test("any text is read or refused, and what is read is written back", async () => {
  const text = fc.oneof(
    fc.string(),
    fc.tuple(fc.stringMatching(/^[a-f0-9:.[\]-]*$/), fc.nat(99_999)).map(([host, port]) =>
      `${host}:${port}`
    ),
  );
  await checkProperty("listen addresses are read back", text, (text) => {
    const address = parseListenAddress(text);
    if (address === undefined) return;
    assert.deepEqual(parseListenAddress(formatListenAddress(address)), address);
  });
});
