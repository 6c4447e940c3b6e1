import { deepEqual, equal, match } from "node:assert/strict";

const COMMAND = [
  "qemu-aarch64-static",
  "-L",
  "/usr/aarch64-linux-gnu",
  "dist/qemu-ga-talos-arm64",
] as const;

function emulated(args: readonly string[]): Deno.Command {
  const [program, ...first] = COMMAND;
  return new Deno.Command(program, {
    args: [...first, ...args],
    stdout: "piped",
    stderr: "piped",
  });
}

async function* lines(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let text = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (text + chunk).split("\n");
    text = parts.pop() ?? "";
    yield* parts;
  }
}

Deno.test("the executable for arm64 is one, and finds its way into the C library", async () => {
  const version = await emulated(["version"]).output();
  match(new TextDecoder().decode(version.stdout), /aarch64-unknown-linux-gnu/);
  const call = await emulated(["call", "--local", "guest-get-time"]).output();
  equal(call.code, 0, new TextDecoder().decode(call.stderr));
  match(new TextDecoder().decode(call.stdout), /^\d{19}\n$/);
  // Flags of open(2) are not alike on all architectures; this one lists directories.
  const links = await emulated(["call", "--local", "guest-network-get-interfaces"]).output();
  match(new TextDecoder().decode(links.stdout), /"name": "lo"/);
});

Deno.test("it serves a pty, whose epoll events are laid out otherwise than on amd64", async () => {
  const agent = emulated(["run", "--method", "pty", "--listen-address", "none"]).spawn();
  const log = new Response(agent.stderr).text();
  const printed = lines(agent.stdout);
  const slave = (await printed.next()).value ?? "";
  match(slave, /^\/dev\/pts\/\d+$/, "the agent prints the path of its terminal");
  const client = new Deno.Command("socat", {
    args: ["-", `${slave},raw,echo=0`],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const input = client.stdin.getWriter();
  const replies = lines(client.stdout);
  // The second request comes when the agent waits: only an event tells it.
  for (const id of [1, 2]) {
    await input.write(new TextEncoder().encode(`{"execute":"guest-ping","id":${id}}\n`));
    deepEqual(JSON.parse((await replies.next()).value ?? "null"), { return: {}, id });
  }
  await input.close();
  await replies.return(undefined);
  client.kill("SIGTERM");
  await client.status;
  agent.kill("SIGTERM");
  equal((await agent.status).code, 0, await log);
  await printed.return(undefined);
});
