import assert from "node:assert/strict";
import { createAuthority, issueClient, issueServer } from "../../../tests/harness/talos/pki.ts";
import { TemporaryDirectory } from "../../../tests/harness/temporary_directory.ts";
import { PROJECT } from "../../../tests/harness/project.ts";

const [own, web] = [await createAuthority(), await createAuthority()];
const client = await issueClient(own, { roles: ["os:operator"] });

/** Serves TLS as `localhost`, with a certificate that `web` has signed, and counts requests. */
class Server implements AsyncDisposable {
  requests = 0;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  private constructor(cert: string, key: string) {
    const options = { hostname: "127.0.0.1", port: 0, cert, key, onListen() {} };
    this.#server = Deno.serve(options, () => {
      this.requests++;
      return new Response(null, { status: 201 });
    });
  }

  static async start(): Promise<Server> {
    const { certificate, key } = await issueServer(web, { dns: ["localhost"] });
    return new Server(certificate, key.replaceAll("ED25519 PRIVATE KEY", "PRIVATE KEY"));
  }

  get port(): number {
    return this.#server.addr.port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/** What a process of its own prints: Deno reads its authorities once in a process. */
async function runModule(body: string, env: Record<string, string>): Promise<string> {
  const code = body.replaceAll("agent:", new URL("../../", import.meta.url).href);
  const config = `${PROJECT}/deno.json`;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--quiet", "--config", config, code],
    env,
  }).output();
  const decoder = new TextDecoder();
  return decoder.decode(stdout) + decoder.decode(stderr);
}

function kubernetesCall(port: number, directory: string): string {
  return `
    import { InClusterApi } from "agent:kubernetes/in_cluster_api.ts";
    const settings = { host: "localhost", port: "${port}", directory: "${directory}" };
    await new InClusterApi(settings).create("/", {}, AbortSignal.timeout(10_000))
      .then(() => console.log("accepted"), (error) => console.log(String(error)));`;
}

function talosCall(port: number, authorities: readonly string[], probe: boolean): string {
  const credentials = { certificate: client.certificate, key: client.key, authorities };
  return `
    import { MachineClient } from "agent:talos/machine_client.ts";
    import { probeHandshake } from "agent:talos/grpc/tls_handshake.ts";
    import { Deadline } from "agent:talos/grpc/deadline.ts";
    const endpoint = { host: "localhost", port: ${port} };
    const credentials = ${JSON.stringify(credentials)};
    credentials.key = credentials.key.replaceAll("ED25519 PRIVATE KEY", "PRIVATE KEY");
    const signal = new AbortController().signal;
    const options = { timeoutMs: 10_000, signal, setTcpNoDelay() {}, publish() {} };
    using deadline = new Deadline(10_000, signal);
    const call = ${probe} ? probeHandshake(endpoint, credentials, deadline)
      : MachineClient.connect(endpoint, credentials, options);
    await call.then((client) => {
      client?.[Symbol.dispose]();
      console.log("accepted");
    }, (error) => console.log(String(error)));`;
}

/** Files with `web` as an authority of Deno's own, in each way that there is to make it one. */
async function environments(directory: TemporaryDirectory): Promise<Record<string, string>[]> {
  await directory.write("web.crt", web.certificate);
  const file = `${directory.path}/web.crt`;
  return [{ DENO_CERT: file }, { DENO_TLS_CA_STORE: "system", SSL_CERT_FILE: file }];
}

Deno.test("a server that only an authority of Deno's own has signed is not trusted by name", async () => {
  await using server = await Server.start();
  await using directory = await TemporaryDirectory.create();
  await directory.write("token", "token");
  await directory.write("ca.crt", own.certificate);
  for (const env of await environments(directory)) {
    const bodies = [
      kubernetesCall(server.port, directory.path),
      talosCall(server.port, [own.certificate], false),
      talosCall(server.port, [own.certificate], true),
    ];
    for (const body of bodies) {
      // Deno from 2.9 on says no more than that to Kubernetes' client.
      const refusal = /invalid peer certificate: (UnknownIssuer|BadSig)|: fetch failed\n$/;
      assert.match(await runModule(body, env), refusal);
    }
  }
  assert.equal(server.requests, 0);
});

Deno.test("a server that the authority given has signed is trusted", async () => {
  await using server = await Server.start();
  await using directory = await TemporaryDirectory.create();
  await directory.write("token", "token");
  await directory.write("ca.crt", web.certificate);
  const call = kubernetesCall(server.port, directory.path);
  assert.equal(await runModule(call, {}), "accepted\n");
  assert.equal(await runModule(talosCall(server.port, [web.certificate], false), {}), "accepted\n");
});

Deno.test("without an authority those of the system count", async () => {
  await using server = await Server.start();
  await using directory = await TemporaryDirectory.create();
  const [, system = {}] = await environments(directory);
  const call = talosCall(server.port, [], false);
  assert.equal(await runModule(call, system), "accepted\n");
  const missing = { SSL_CERT_FILE: `${directory.path}/none` };
  assert.match(await runModule(call, missing), /UnknownIssuer/);
});

Deno.test("the environment of what the process starts stays as it is", async () => {
  const body = `
    import { trustOnly } from "agent:talos/grpc/trusted_authorities.ts";
    trustOnly([]);
    console.log(Deno.env.get("DENO_TLS_CA_STORE"), Deno.env.get("DENO_CERT"));`;
  assert.equal(
    await runModule(body, { DENO_TLS_CA_STORE: "system", DENO_CERT: "/x" }),
    "system /x\n",
  );
});
