import { deepEqual, equal, match, ok } from "node:assert/strict";
import { GuestAgentClient } from "../harness/qemu/guest_agent_client.ts";
import { EXECUTABLE, exists } from "../harness/running_agent.ts";

/** The signals that end a process which does not care for them. */
const SIGNALS: readonly Deno.Signal[] = [
  ...["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM"] as const,
  ...["SIGVTALRM", "SIGPROF", "SIGIO", "SIGPWR", "SIGSTKFLT", "SIGXCPU"] as const,
];

/** An agent whose standard error is read by the test alone. */
class Agent implements AsyncDisposable {
  readonly directory = Deno.makeTempDirSync();
  readonly socket = `${this.directory}/agent.sock`;
  readonly process: Deno.ChildProcess;

  constructor(...options: string[]) {
    this.process = new Deno.Command(EXECUTABLE, {
      args: ["-m", "unix-listen", "-p", this.socket, "--listen-address", "none", ...options],
      stderr: "piped",
    }).spawn();
  }

  async client(): Promise<GuestAgentClient> {
    const client = await GuestAgentClient.connect(this.socket);
    await client.sync();
    return client;
  }

  async stop(signal: Deno.Signal): Promise<number> {
    this.process.kill(signal);
    return (await this.process.status).code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.process.kill("SIGKILL");
    } catch (error) {
      // It has ended.
      if (!(error instanceof TypeError)) throw error;
    }
    await this.process.status;
    if (!this.process.stderr.locked) await this.process.stderr.cancel();
    await Deno.remove(this.directory, { recursive: true });
  }
}

/** Makes it write more than a pipe takes; each command is answered. */
async function makeNoise(client: GuestAgentClient): Promise<void> {
  for (let index = 0; index < 4_000; index++) deepEqual(await client.execute("guest-ping"), {});
}

Deno.test("a reader of standard error that stalls holds nothing up, also not the end", async () => {
  await using agent = new Agent("--log-level", "debug");
  await using client = await agent.client();
  await makeNoise(client);
  equal(await agent.stop("SIGTERM"), 0);
  const log = await new Response(agent.process.stderr).text();
  const lines = log.trimEnd().split("\n");
  ok(lines.length > 100);
  for (const line of lines) JSON.parse(line);
});

Deno.test("a reader that comes back gets whole lines, and is told how many were lost", async () => {
  await using agent = new Agent("--log-level", "debug");
  await using client = await agent.client();
  await makeNoise(client);
  const reader = agent.process.stderr.pipeThrough(new TextDecoderStream()).getReader();
  let log = "";
  while (!log.includes('"log lines were lost"')) {
    const { value, done } = await reader.read();
    ok(!done, "the end of the log");
    log += value;
  }
  const line = log.split("\n").find((line) => line.includes("log lines were lost")) ?? "";
  const { level, lines, reason } = JSON.parse(line);
  deepEqual([level, reason], ["warn", "its reader is too slow"]);
  ok(lines > 0);
  await reader.cancel();
  equal(await agent.stop("SIGTERM"), 0);
});

Deno.test("an agent whose standard error nobody has open any more continues", async () => {
  await using agent = new Agent("--log-level", "debug");
  await agent.process.stderr.cancel();
  await using client = await agent.client();
  deepEqual(await client.execute("guest-ping"), {});
  equal(await agent.stop("SIGTERM"), 0);
});

Deno.test("an agent whose log file is on a full disk continues", async () => {
  await using agent = new Agent("--log-level", "debug", "--logfile", "/dev/full");
  await using client = await agent.client();
  await makeNoise(client);
  equal(await agent.stop("SIGTERM"), 0);
  equal(await new Response(agent.process.stderr).text(), "");
});

Deno.test("each signal that would end the process ends it cleanly", async () => {
  for (const signal of SIGNALS) {
    await using agent = new Agent();
    const client = await agent.client();
    await client[Symbol.asyncDispose]();
    equal(await agent.stop(signal), 0, signal);
    equal(exists(agent.socket), false, signal);
    const log = await new Response(agent.process.stderr).text();
    match(log, new RegExp(`"message":"stopping","signal":"${signal}"`));
    match(log, /"agent stopped"\}\n$/);
  }
});

Deno.test("SIGHUP opens the log file again, as after its rotation, and the agent continues", async () => {
  const directory = await Deno.makeTempDir();
  const logfile = `${directory}/log`;
  await using agent = new Agent("--log-level", "debug", "--logfile", logfile);
  await using client = await agent.client();
  await Deno.rename(logfile, `${logfile}.1`);
  agent.process.kill("SIGHUP");
  for (const end = performance.now() + 10_000; !exists(logfile);) {
    ok(performance.now() < end, "no new log file after 10 s");
    await client.execute("guest-ping");
  }
  deepEqual(await client.execute("guest-ping"), {});
  equal(await agent.stop("SIGTERM"), 0);
  const [last, log] = [await Deno.readTextFile(`${logfile}.1`), await Deno.readTextFile(logfile)];
  match(last, /"agent started"/);
  match(log, /^\{[^\n]*"log file reopened"\}\n[^]*"agent stopped"\}\n$/);
  await Deno.remove(directory, { recursive: true });
});
