import assert from "node:assert/strict";
import fc from "fast-check";
import { createAuthority, type Identity, issueClient } from "../../../tests/harness/talos/pki.ts";
import { checkProperty } from "../../../tests/harness/property.ts";
import { talosconfigText } from "../../../tests/harness/talos/talosconfig_text.ts";
import { TemporaryDirectory } from "../../../tests/harness/temporary_directory.ts";
import { parseTalosconfig, readTalosconfig, TalosconfigError } from "./talosconfig.ts";

const authority = await createAuthority();
const client: Identity = await issueClient(authority, { roles: ["os:operator"] });
const TEXT = talosconfigText({ ca: authority.certificate, client, endpoints: ["10.0.0.1"] });

function contextText(fields: Readonly<Record<string, unknown>>): string {
  const usual = { ca: btoa(authority.certificate), crt: btoa(client.certificate) };
  // JSON is YAML.
  return JSON.stringify({
    context: "c",
    contexts: { c: { ...usual, key: btoa(client.key), ...fields } },
  });
}

Deno.test("a talosconfig gives its context's fields, decoded", async () => {
  assert.deepEqual(await parseTalosconfig(TEXT, undefined, "f"), {
    context: "default",
    endpoints: ["10.0.0.1"],
    ca: authority.certificate,
    certificate: client.certificate,
    key: client.key,
  });
});

Deno.test("fields that are not needed are ignored, and the old target is an endpoint", async () => {
  const text = contextText({
    endpoints: ["a"],
    target: "b",
    nodes: ["x"],
    cluster: "y",
    "proxy-url": "socks5://z",
    future: { deep: [1] },
  });
  assert.deepEqual((await parseTalosconfig(text, undefined, "f")).endpoints, ["a", "b"]);
});

Deno.test("without endpoints there are none", async () => {
  assert.deepEqual((await parseTalosconfig(contextText({}), undefined, "f")).endpoints, []);
});

Deno.test("an empty ca means the system's authorities", async () => {
  for (const ca of ["", null]) {
    const config = await parseTalosconfig(contextText({ ca }), undefined, "f");
    assert.equal(config.ca, undefined);
  }
});

Deno.test("a context's name is the text that is written, not the number it may look like", async () => {
  const fields = JSON.stringify({ crt: btoa(client.certificate), key: btoa(client.key) });
  const text = `context: 1.10\ncontexts:\n  007: ${fields}\n  1.10: ${fields}\n`;
  assert.equal((await parseTalosconfig(text, undefined, "f")).context, "1.10");
  assert.equal((await parseTalosconfig(text, "007", "f")).context, "007");
});

Deno.test("another context than the chosen one can be named", async () => {
  const text = JSON.stringify({
    context: "a",
    contexts: {
      a: {},
      b: { crt: btoa(client.certificate), key: btoa(client.key), endpoints: ["b"] },
    },
  });
  assert.deepEqual((await parseTalosconfig(text, "b", "f")).endpoints, ["b"]);
});

for (
  const [what, text, context, message] of [
    ["an empty file", " \n", undefined, /f: it is empty/],
    ["YAML that is cut", 'context: "de', undefined, /not valid YAML \(half written\?\)/],
    ["a list", "- a", undefined, /no mapping at its top/],
    ["no contexts", "context: a", undefined, /has no contexts/],
    ["empty contexts", "contexts: {}", undefined, /has no contexts/],
    ["no context chosen", "contexts: {a: {}, b: {}}", undefined, /--talos-context.*: a, b$/],
    ["an unknown context", "contexts: {a: {}, b: {}}", "c", /no context "c";.*can be: a, b$/],
    ["a context of every object", "contexts: {a: {}}", "toString", /no context "toString"/],
    ["a context that is a text", "contexts: {a: b}", "a", /it is not a mapping/],
    ["no crt", contextText({ crt: "" }), undefined, /"c": crt is missing/],
    ["no key", contextText({ key: undefined }), undefined, /"c": key is missing/],
    ["bad base64", contextText({ crt: "%%%" }), undefined, /crt is not base64/],
    ["base64 that is a number", contextText({ key: 7 }), undefined, /key is not base64/],
    [
      "a ca that is not PEM",
      contextText({ ca: btoa("x") }),
      undefined,
      /ca is base64 of .* not a PEM CERTIFICATE/,
    ],
    [
      "a key that is a certificate",
      contextText({ key: btoa(client.certificate) }),
      undefined,
      /key/,
    ],
    ["endpoints that are a text", contextText({ endpoints: "a" }), undefined, /not a list/],
    ["an endpoint that is a list", contextText({ endpoints: [[1]] }), undefined, /not text/],
    ["an alias to nothing", "context: *a", undefined, /not valid YAML/],
  ] as const
) {
  Deno.test(`${what} is an error that says so`, async () => {
    await assert.rejects(parseTalosconfig(text, context, "f"), {
      name: "TalosconfigError",
      message,
    });
  });
}

Deno.test("an error never shows the key", async () => {
  const key = btoa(client.key);
  await assert.rejects(
    parseTalosconfig(`contexts:\n  a:\n    key: ${key}\n   b: {`, "a", "f"),
    (e) => {
      assert(e instanceof TalosconfigError);
      assert(!e.message.includes(key.slice(0, 20)), e.message);
      return true;
    },
  );
});

Deno.test("a talosconfig that is cut short anywhere gives an error or whole PEM", async () => {
  await checkProperty("cut talosconfig", fc.nat(TEXT.length - 1), async (length) => {
    try {
      const config = await parseTalosconfig(TEXT.slice(0, length), undefined, "f");
      // The newline behind the last block may be missing.
      assert.equal(config.key.trim(), client.key.trim());
    } catch (error) {
      assert(error instanceof TalosconfigError, String(error));
    }
  }, 300);
});

Deno.test("any text gives a talosconfig or a TalosconfigError", async () => {
  const piece = fc.oneof(
    fc.string({ unit: "binary", maxLength: 20 }),
    fc.constantFrom(
      "context: ",
      "contexts:\n",
      "  a:\n",
      "    key: ",
      "- ",
      "{",
      "}",
      "&a ",
      "*a",
      "\n",
    ),
  );
  const texts = fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join(""));
  await checkProperty("any text", texts, async (text) => {
    await assert.rejects(parseTalosconfig(text, undefined, "f"), TalosconfigError);
  }, 300);
});

Deno.test("a file is read, and a directory stands for its file config", async () => {
  await using directory = await TemporaryDirectory.create();
  const path = await directory.write("config", TEXT);
  const fromFile = await readTalosconfig(path, undefined);
  assert.deepEqual(fromFile.endpoints, ["10.0.0.1"]);
  assert.deepEqual(await readTalosconfig(directory.path, undefined), fromFile);
  assert.deepEqual(await readTalosconfig(`${directory.path}/`, undefined), fromFile);
});

Deno.test("a file that is not there is an error that names it and the option", async () => {
  await using directory = await TemporaryDirectory.create();
  await assert.rejects(readTalosconfig(`${directory.path}/x`, undefined), {
    name: "TalosconfigError",
    message: new RegExp(`${directory.path}/x: there is no such file; set --talosconfig`),
  });
  await assert.rejects(readTalosconfig(directory.path, undefined), {
    message: new RegExp(`${directory.path}/config: there is no such file`),
  });
});

Deno.test("a path that cannot be read is an error that says why", async () => {
  await using directory = await TemporaryDirectory.create();
  const file = await directory.write("file", "");
  await assert.rejects(readTalosconfig(`${file}/config`, undefined), {
    name: "TalosconfigError",
    message: /Not a directory/,
  });
});
