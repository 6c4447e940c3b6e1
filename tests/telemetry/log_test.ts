import { deepEqual, equal, match, ok } from "node:assert/strict";
import { FakeTalosApi } from "../harness/talos/fake_talos_api_process.ts";
import { startOnFixtureNode } from "../harness/fixtures/node.ts";

const SECRETS = {
  password: "correct-horse-battery",
  input: "input-of-a-program-7391",
  argument: "argument-of-a-program-2841",
  environment: "environment-of-a-program-5527",
  content: "content-of-a-file-9173",
  key: "ssh-ed25519-key-4482",
  name: "name-of-no-command-6604",
  garbage: "garbage-that-is-no-json-8826",
};

function base64(text: string): string {
  return new TextEncoder().encode(text).toBase64();
}

/** Runs an agent with all commands open through everything that carries secrets; gives its log. */
async function logOfSecrets(...options: string[]): Promise<{ log: string; secrets: string[] }> {
  await using api = await FakeTalosApi.start();
  const talosconfig = await api.talosconfig({ roles: ["os:reader"] });
  const directory = await Deno.makeTempDir();
  await Deno.writeTextFile(`${directory}/config`, talosconfig);
  await using agent = await startOnFixtureNode(
    ...["-b", "", "--talosconfig", `${directory}/config`, "--talos-endpoint", api.endpoint],
    ...options,
  );
  {
    await using client = await agent.client();
    await client.sync();
    const password = base64(SECRETS.password);
    await client.request("guest-set-user-password", { username: "root", password, crypted: false });
    await client.request("guest-ssh-add-authorized-keys", {
      username: "root",
      keys: [SECRETS.key],
    });
    await client.sync();
    const started = await startProgram(client);
    ok(Number(started.pid) > 0);
    await client.request("guest-exec", { path: "/bin/true", "input-data": `*${SECRETS.input}` });
    await client.request("guest-exec", { path: "/bin/true", [SECRETS.argument]: 1 });
    await client.sync();
    const handle = await client.execute("guest-file-open", { path: "/file", mode: "w" });
    const content = base64(SECRETS.content);
    await client.execute("guest-file-write", { handle, "buf-b64": content });
    await client.request("guest-file-write", { handle, "buf-b64": `*${SECRETS.content}` });
    await client.request("guest-file-seek", { handle, offset: 0, whence: SECRETS.content });
    await client.request(SECRETS.name);
    await client.request("guest-shutdown");
    await client.send(`{"${SECRETS.garbage}" ]`);
    await client.sync();
    // Half written, as while it is replaced: YAML's own errors show the text.
    await Deno.writeTextFile(`${directory}/config`, talosconfig.replace("key: ", "key: - ["));
    await client.request("guest-shutdown");
    await client.sync();
  }
  const { log } = await agent.stop("SIGTERM");
  await Deno.remove(directory, { recursive: true });
  const [, key = ""] = /key: "?([A-Za-z0-9+/=]+)/.exec(talosconfig) ?? [];
  ok(key.length > 100, "the talosconfig has no key");
  const pem = atob(key).split("\n").filter((line) => line !== "" && !line.startsWith("-"));
  return {
    log,
    secrets: [
      ...Object.values(SECRETS),
      ...Object.values(SECRETS).map((text) => base64(text).slice(0, 16)),
      ...pem,
      key.slice(-40),
    ],
  };
}

async function startProgram(
  client: { execute(command: string, args: Record<string, unknown>): Promise<unknown> },
): Promise<{ pid: unknown }> {
  return await client.execute("guest-exec", {
    path: "/bin/sh",
    arg: ["-c", "cat >/dev/null; true", SECRETS.argument],
    env: [`SECRET=${SECRETS.environment}`],
    "input-data": base64(SECRETS.input),
    "capture-output": true,
  }) as { pid: unknown };
}

for (const format of ["json", "text"]) {
  Deno.test(`no secret is ever logged, at any level (${format})`, async () => {
    const { log, secrets } = await logOfSecrets("--verbose", "--log-format", format);
    for (const secret of secrets) ok(!log.includes(secret), `${secret} in ${log}`);
  });
}

Deno.test("what acts on the machine leaves an audit line, whatever the level", async () => {
  const { log } = await logOfSecrets("--log-level", "error");
  const lines = log.trimEnd().split("\n").map((line) => JSON.parse(line));
  const audits = lines.filter(({ audit }) => audit === true);
  const count = (action: string, outcome: string): number =>
    audits.filter((line) => line.action === action && line.outcome === outcome).length;
  deepEqual(
    [
      count("guest-set-user-password", "blocked"),
      count("guest-ssh-add-authorized-keys", "blocked"),
      count("guest-exec", "success"),
      count("guest-exec", "error"),
      count("guest-file-open", "success"),
      count("guest-file-write", "success"),
      count("guest-file-write", "error"),
      count("guest-shutdown", "error"),
    ],
    [1, 1, 1, 2, 1, 1, 1, 2],
  );
  for (const { time, level, message, seconds, client } of audits) {
    match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    deepEqual([level, message], ["info", "audit"]);
    ok(seconds >= 0);
    match(client, /agent\.sock$/);
  }
  const others = lines.filter(({ audit, level }) => audit !== true && level !== "error");
  deepEqual(others, []);
});

Deno.test("a text log has a line an event, and colours only at a terminal", async () => {
  const { log } = await logOfSecrets("--log-format", "text");
  const line = /^\d{4}-\d\d-\d\dT[\d:.]+Z (DEBUG|INFO |WARN |ERROR) \S/;
  for (const each of log.trimEnd().split("\n")) match(each, line);
  equal(log.includes("\u001b"), false);
});

Deno.test("lines that come again and again are counted, not written", async () => {
  await using api = await FakeTalosApi.start();
  const directory = await Deno.makeTempDir();
  const options = ["--talosconfig", `${directory}/none`, "--talos-endpoint", api.endpoint];
  await using agent = await startOnFixtureNode(...options);
  {
    await using client = await agent.client();
    await client.sync();
    for (let index = 0; index < 50; index++) await client.request("guest-shutdown");
    await client.sync();
  }
  const { log } = await agent.stop("SIGTERM");
  const lines = log.trimEnd().split("\n").map((line) => JSON.parse(line))
    .filter(({ message }) => message === "power action failed");
  equal(lines.length, 11);
  equal(lines.at(-1).repeated, 40);
  await Deno.remove(directory, { recursive: true });
});
