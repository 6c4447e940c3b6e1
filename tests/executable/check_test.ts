import { deepEqual, equal, match, ok } from "node:assert/strict";
import type { CheckReport } from "../../agent/check/report.ts";
import { FakeTalosApi } from "../harness/talos/fake_talos_api_process.ts";
import { freePort } from "../harness/free_port.ts";
import { until } from "../harness/until.ts";
import { EXECUTABLE, RunningAgent } from "../harness/running_agent.ts";

/**
 * Runs its arguments where the machine's root is mounted below a directory, and a tmpfs, as a pod has
 * it: first the directory, then the propagation of that mount. It needs root.
 */
const IN_POD = 'mount --make-rshared / && mount --rbind / "$1/root" && mount "$2" "$1/root" && ' +
  'mount -t tmpfs state "$1/state" && shift 2 && exec "$@"';

interface Result {
  readonly code: number;
  readonly report: CheckReport;
  readonly text: string;
}

/** A node with an agent on a unix socket, credentials, and a Talos API. */
class Node implements AsyncDisposable {
  readonly api: FakeTalosApi;
  readonly agent: RunningAgent;
  readonly directory: string;
  readonly options: readonly string[];

  private constructor(api: FakeTalosApi, agent: RunningAgent, options: readonly string[]) {
    this.api = api;
    this.agent = agent;
    this.directory = agent.directory;
    this.options = options;
  }

  static async start(roles: readonly string[] = ["os:operator"]): Promise<Node> {
    const api = await FakeTalosApi.start();
    const directory = await Deno.makeTempDir({ prefix: "check-" });
    for (const name of ["root", "state"]) await Deno.mkdir(`${directory}/${name}`);
    await Deno.writeTextFile(`${directory}/config`, await api.talosconfig({ roles }));
    const address = `127.0.0.1:${freePort()}`;
    const options = [
      ...["--statedir", `${directory}/state`, "--talosconfig", directory],
      ...["--listen-address", address],
    ];
    const agent = await RunningAgent.startIn(directory, options);
    // A moment after the port.
    await until("HTTP is served", async () => {
      const response = await fetch(`http://${address}/livez`).catch(() => undefined);
      return await response?.text();
    });
    return new Node(api, agent, options);
  }

  /** Runs `check` with both outputs. */
  async check(endpoint = this.api.endpoint, propagation = "--make-rslave"): Promise<Result> {
    const words = [
      ...["-m", "unix-listen", "-p", this.agent.socket, ...this.options],
      ...["--path-rootfs", `${this.directory}/root`, "--talos-endpoint", endpoint],
    ];
    const json = await this.#run([...words, "--output", "json"], propagation);
    const text = await this.#run(words, propagation);
    equal(text.code, json.code);
    // What the program prints is what the type says.
    return { code: json.code, report: JSON.parse(json.output) as CheckReport, text: text.output };
  }

  async #run(words: readonly string[], propagation: string) {
    const { code, stdout, stderr } = await new Deno.Command("unshare", {
      args: [
        ...["--mount", "sh", "-c", IN_POD, "sh", this.directory, propagation],
        ...[EXECUTABLE, "check", ...words],
      ],
      env: { HTTPS_PROXY: "http://127.0.0.1:1" },
    }).output();
    const decoder = new TextDecoder();
    equal(decoder.decode(stderr), "");
    return { code, output: decoder.decode(stdout) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.agent[Symbol.asyncDispose]();
    await this.api[Symbol.asyncDispose]();
  }
}

function failures({ report }: Result): string[] {
  return report.checks.filter(({ status }) => status === "failed").map(({ name }) => name);
}

Deno.test("a healthy set-up has no failure, and the talosconfig is told without its key", async () => {
  await using node = await Node.start();
  const result = await node.check();
  deepEqual(failures(result), [], result.text);
  equal(result.code, 0);
  equal(result.report.ok, true);
  const facts = new Map(result.report.checks.map(({ name, fact }) => [name, fact]));
  match(facts.get("port") ?? "", /agent\.sock, where the agent answers$/);
  match(facts.get("mounts") ?? "", /\(rslave\)$/);
  match(facts.get("state directory") ?? "", /, a tmpfs$/);
  match(facts.get("role") ?? "", /^os:operator$/);
  match(facts.get("http") ?? "", /is alive and ready$/);
  match(
    facts.get("certificate") ?? "",
    /^Ed25519, its key fits, valid from .* for 23 h 59 min more$/,
  );
  match(facts.get("talos api") ?? "", /is Talos v1\.13\.0/);
  // One line for each, aligned, and the summary.
  const lines = result.text.trimEnd().split("\n");
  match(lines.at(-1) ?? "", /^\d+ checks: \d+ ok, \d+ warnings?, 0 failed$/);
  const columns = lines.filter((line) => /^(ok|warning) /.test(line));
  equal(columns.length, result.report.checks.length);
  equal(result.text.includes("\x1b"), false);
  const key = /key: (\S+)/.exec(await Deno.readTextFile(`${node.directory}/config`))?.[1] ?? "";
  ok(key.length > 40);
  for (const output of [result.text, JSON.stringify(result.report)]) {
    equal(output.includes(key.slice(0, 40)) || output.includes("PRIVATE KEY"), false);
  }
  // Other calls than Version.
  deepEqual(node.api.calls.methods, []);
});

Deno.test("three faults are failures, each with one thing to do, and the agent is not ready", async () => {
  await using node = await Node.start(["os:reader"]);
  const result = await node.check("127.0.0.1:1", "--make-rprivate");
  equal(result.code, 2);
  equal(result.report.ok, false);
  deepEqual(failures(result), ["mounts", "role", "talos api", "http"]);
  const remedies = result.report.checks.filter(({ status }) => status === "failed")
    .map(({ remedy }) => remedy ?? "");
  match(remedies[0] ?? "", /HostToContainer/);
  match(remedies[1] ?? "", /with that role/);
  match(remedies[2] ?? "", /check --talos-endpoint/);
  match(remedies[3] ?? "", /the other lines of this check tell more/);
  for (const remedy of remedies) ok(result.text.includes(`  -> ${remedy}\n`), result.text);
  deepEqual(node.api.calls.methods, []);
});

Deno.test("warnings count with --strict only, and an agent without credentials is one", async () => {
  await using node = await Node.start();
  // No agent is there, and no talosconfig.
  const args = ["-m", "unix-listen", "-p", `${node.directory}/none.sock`, "-t", node.directory];
  const run = async (...more: string[]) =>
    await new Deno.Command(EXECUTABLE, { args: ["check", ...args, ...more] }).output();
  const plain = await run();
  const text = new TextDecoder().decode(plain.stdout);
  equal(plain.code, 0, text);
  match(text, /^warning +talosconfig +none is configured, so guest-shutdown is disabled$/m);
  match(text, /^warning +port +no agent answers/m);
  equal((await run("--strict")).code, 1);
});

Deno.test("the configuration file and the environment are read as the agent reads them", async () => {
  const directory = await Deno.makeTempDir();
  const file = `${directory}/qga.yaml`;
  await Deno.writeTextFile(file, "method: unix-listen\npath: /nonexistent/of-the-file\n");
  const run = async (env: Record<string, string>) => {
    const command = new Deno.Command(EXECUTABLE, { args: ["check", "--config", file], env });
    return new TextDecoder().decode((await command.output()).stdout);
  };
  match(await run({}), /\/nonexistent\/of-the-file/);
  match(await run({ QGA_PATH: "/nonexistent/of-it" }), /no agent answers on \/nonexistent\/of-it/);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("mistakes in the command line end with status 2 and one line", async () => {
  for (
    const [args, pattern] of [
      [["--output", "xml"], /give text, json or row/],
      [["port"], /check takes no arguments, found port/],
    ] as const
  ) {
    const { code, stderr } = await new Deno.Command(EXECUTABLE, { args: ["check", ...args] })
      .output();
    equal(code, 2);
    match(new TextDecoder().decode(stderr), pattern);
  }
});
