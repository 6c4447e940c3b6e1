import assert from "node:assert/strict";
import { createAuthority, issueServer } from "../testing/pki.ts";
import { TemporaryDirectory } from "../testing/talos_temporary_directory.ts";

/** Whether a new process, whose store has `stored`, connects with a client that is given `given`. */
async function connects(
  directory: string,
  url: string,
  given: string,
  setUp: boolean,
): Promise<string> {
  const module = import.meta.resolve("./connections.ts");
  const program = `
    const { setUpConnections } = await import("${module}");
    if (${setUp}) setUpConnections();
    using client = Deno.createHttpClient({ caCerts: [${JSON.stringify(given)}] });
    try {
      console.log(await (await fetch("${url}", { client })).text());
    } catch (error) {
      console.log(String(error), String(error.cause));
    }`;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", program],
    env: { SSL_CERT_FILE: `${directory}/stored.pem`, DENO_TLS_CA_STORE: "system" },
  }).output();
  return new TextDecoder().decode(stdout).trim();
}

Deno.test("a certificate of Deno's own store counts for nothing, only the one that is given", async () => {
  await using directory = await TemporaryDirectory.create();
  const stored = await createAuthority({ keyType: "ecdsa" });
  const other = await createAuthority({ keyType: "ecdsa" });
  await Deno.writeTextFile(`${directory.path}/stored.pem`, stored.certificate);
  const { certificate, key } = await issueServer(stored, { dns: ["localhost"] });
  await using server = Deno.serve({
    ...{ hostname: "127.0.0.1", port: 0, cert: certificate, key, onListen() {} },
  }, () => new Response("connected"));
  const url = `https://localhost:${server.addr.port}/`;
  // What Deno does by itself: without that this test would show nothing.
  assert.equal(await connects(directory.path, url, other.certificate, false), "connected");
  assert.match(
    await connects(directory.path, url, other.certificate, true),
    /BadSignature|UnknownIssuer/,
  );
  assert.equal(await connects(directory.path, url, stored.certificate, true), "connected");
});
