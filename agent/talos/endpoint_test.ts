import assert from "node:assert/strict";
import fc from "fast-check";
import { checkProperty } from "../../tests/harness/property.ts";
import { EndpointError, formatEndpoint, isLoopback, isOneOf, parseEndpoint } from "./endpoint.ts";

for (
  const [text, expected] of [
    ["cp-1", "cp-1:50000"],
    ["cp-1.example.com", "cp-1.example.com:50000"],
    ["CP-1:1234", "cp-1:1234"],
    ["10.0.0.1", "10.0.0.1:50000"],
    ["10.0.0.1:443", "10.0.0.1:443"],
    [" 10.0.0.1 ", "10.0.0.1:50000"],
    ["[2001:db8::1]", "[2001:db8::1]:50000"],
    ["[2001:db8::1]:50001", "[2001:db8::1]:50001"],
    ["2001:db8:0:0:0:0:0:1", "[2001:db8::1]:50000"],
    ["::1", "[::1]:50000"],
    ["https://omni.example.com", "omni.example.com:443"],
    ["https://omni.example.com/", "omni.example.com:443"],
    ["https://omni.example.com:8443", "omni.example.com:8443"],
    ["https://[2001:db8::1]:50000", "[2001:db8::1]:50000"],
  ] as const
) {
  Deno.test(`endpoint ${JSON.stringify(text)} is ${expected}`, () => {
    assert.equal(formatEndpoint(parseEndpoint(text)), expected);
  });
}

for (
  const text of [
    "",
    " ",
    ":50000",
    "host:",
    "host:0",
    "host:65536",
    "host:x",
    "http://host",
    "unix:///run/apid.sock",
    "https://host/path",
    "user@host",
    "host name",
    "[::1",
    "[fe80::1%eth0]:50000",
    "1:2:3",
    "host?x",
  ]
) {
  Deno.test(`endpoint ${JSON.stringify(text)} is an error that repeats it`, () => {
    assert.throws(
      () => parseEndpoint(text),
      (error) => error instanceof EndpointError && error.message.includes(JSON.stringify(text)),
    );
  });
}

Deno.test("an endpoint is parsed to what it is formatted from", async () => {
  const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain());
  await checkProperty("endpoints", fc.tuple(host, fc.integer({ min: 1, max: 65535 })), ([h, p]) => {
    const endpoint = parseEndpoint(h.includes(":") ? `[${h}]:${p}` : `${h}:${p}`);
    assert.deepEqual(parseEndpoint(formatEndpoint(endpoint)), endpoint);
    assert.equal(endpoint.port, p);
  });
});

Deno.test("any text gives an endpoint or an EndpointError", async () => {
  await checkProperty("any text", fc.string({ unit: "binary", maxLength: 40 }), (text) => {
    try {
      assert(parseEndpoint(text).host !== "");
    } catch (error) {
      assert(error instanceof EndpointError, String(error));
    }
  }, 300);
});

Deno.test("loopback addresses are known", () => {
  for (const text of ["127.0.0.1", "127.1.2.3:1", "::1", "[0:0:0:0:0:0:0:1]:50000", "localhost"]) {
    assert(isLoopback(parseEndpoint(text)), text);
  }
  for (const text of ["128.0.0.1", "127.example.com", "::2", "localhost.example.com"]) {
    assert(!isLoopback(parseEndpoint(text)), text);
  }
});

Deno.test("an address is found among others however it is written", () => {
  const addresses = ["10.0.0.7", "2001:DB8:0::7", "fe80::1%eth0", "192.168.1.2/24"];
  for (const text of ["10.0.0.7:1", "[2001:db8::7]", "fe80:0::1", "192.168.1.2"]) {
    assert(isOneOf(parseEndpoint(text), addresses), text);
  }
  for (const text of ["10.0.0.8", "2001:db8::8", "cp-1"]) {
    assert(!isOneOf(parseEndpoint(text), addresses), text);
  }
  assert(!isOneOf(parseEndpoint("cp-1"), []));
});
