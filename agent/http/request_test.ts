import assert from "node:assert/strict";
import fc from "fast-check";
import { checkProperty } from "../../tests/harness/property.ts";
import { findHeadEnd, HttpRequestError, readHead } from "./request.ts";

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

Deno.test("a head ends at its empty line", () => {
  for (const text of ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "GET / HTTP/1.1\nHost: x\n\n"]) {
    const bytes = encode(`${text}body`);
    assert.equal(findHeadEnd(bytes), text.length);
    for (let length = 0; length < text.length; length++) {
      assert.equal(findHeadEnd(bytes.subarray(0, length)), undefined);
    }
  }
});

Deno.test("method, path, query and accept are read", () => {
  const head = "GET /readyz?verbose HTTP/1.1\r\nACCEPT: a/b\r\nhost: x\r\nAccept:  c/d \r\n\r\n";
  const { method, path, query, accept } = readHead(encode(head));
  assert.deepEqual([method, path, query.has("verbose"), accept], [
    "GET",
    "/readyz",
    true,
    "a/b,c/d",
  ]);
  assert.equal(readHead(encode("GET http://host:1/livez HTTP/1.0\n\n")).path, "/livez");
  assert.equal(readHead(encode("GET / HTTP/1.1\n\n")).accept, undefined);
});

Deno.test("what is not a request of HTTP/1 is refused", () => {
  const cases: readonly (readonly [string, number])[] = [
    ["", 400],
    ["GET /\r\n\r\n", 400],
    ["GET  / HTTP/1.1\r\n\r\n", 400],
    ["\x16\x03\x01\r\n\r\n", 400],
    ["GET http://[ HTTP/1.1\r\n\r\n", 400],
    ["PRI * HTTP/2.0\r\n\r\n", 505],
  ];
  for (const [text, status] of cases) {
    assert.throws(
      () => readHead(encode(text)),
      (error: unknown) => error instanceof HttpRequestError && error.status === status,
      text,
    );
  }
});

Deno.test("any bytes are a request or are refused", async () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.tuple(fc.constantFrom("GET", "HEAD", "G@T", ""), fc.string(), fc.string())
      .map(([method, target, header]) => encode(`${method} ${target} HTTP/1.1\n${header}\n\n`)),
  );
  await checkProperty("HTTP heads", bytes, (bytes) => {
    const end = findHeadEnd(bytes);
    assert.ok(end === undefined || (end > 1 && end <= bytes.length));
    try {
      assert.match(readHead(bytes).path, /^[/*]|^$|^[^/]/);
    } catch (error) {
      assert.ok(error instanceof HttpRequestError, String(error));
    }
  });
});
