import assert from "node:assert/strict";
import fc from "fast-check";
import { checkProperty } from "../../../tests/harness/property.ts";
import { decodeGrpcMessage, grpcCode, grpcCodeName, readGrpcStatus } from "./status.ts";

Deno.test("codes and names belong together", () => {
  assert.equal(grpcCodeName(0), "OK");
  assert.equal(grpcCodeName(7), "PERMISSION_DENIED");
  assert.equal(grpcCodeName(14), "UNAVAILABLE");
  assert.equal(grpcCodeName(16), "UNAUTHENTICATED");
  assert.equal(grpcCodeName(17), "UNKNOWN");
  for (let code = 0; code <= 16; code++) assert.equal(grpcCode(grpcCodeName(code)), code);
});

Deno.test("a status is read from headers", () => {
  assert.equal(readGrpcStatus(new Headers()), undefined);
  assert.deepEqual(
    readGrpcStatus(new Headers({ "grpc-status": "7", "grpc-message": "not%20authorized" })),
    { code: 7, message: "not authorized" },
  );
  assert.deepEqual(readGrpcStatus(new Headers({ "grpc-status": "x" })), { code: 2, message: "" });
});

Deno.test("a message that is not well encoded stays as it is", () => {
  assert.equal(decodeGrpcMessage("100% of %zz and %4"), "100% of %zz and %4");
  assert.equal(decodeGrpcMessage("%C3"), "\ufffd");
});

Deno.test("a percent-encoded message is decoded", async () => {
  await checkProperty("grpc-message", fc.string({ unit: "grapheme" }), (message) => {
    assert.equal(decodeGrpcMessage(encodeURIComponent(message)), message);
  });
});
