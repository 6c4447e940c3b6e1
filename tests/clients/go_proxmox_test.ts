import { deepEqual, equal, match, ok } from "node:assert/strict";
import { runCommand, succeeded } from "../harness/command.ts";
import { buildGoProgram } from "../harness/go_program.ts";
import { parseExactJson } from "../harness/exact_json.ts";
import { startOnFixtureNode } from "../harness/fixtures/node.ts";
import type { RunningAgent } from "../harness/running_agent.ts";
import { TemporaryDirectory } from "../harness/temporary_directory.ts";
import { until } from "../harness/until.ts";
import { NODE, ProxmoxApi, SECRET, TOKEN, VMID } from "./proxmox_api.ts";

/** What a method of the library gave. */
interface Answer {
  readonly value: unknown;
  readonly error?: string;
}

/** The name of a method and its arguments. */
type Call = readonly [string, ...string[]];

/** A record of a reply. */
type Fields = Readonly<Record<string, unknown>>;

let directory: TemporaryDirectory;

Deno.test.beforeAll(async () => {
  directory = await TemporaryDirectory.create();
  await buildGoProgram("tests/clients/go_proxmox", program());
});

Deno.test.afterAll(async () => {
  await directory[Symbol.asyncDispose]();
});

function program(): string {
  return `${directory.path}/go_proxmox`;
}

/** What the library's methods give, one after the other. */
async function call(api: ProxmoxApi, ...calls: readonly Call[]): Promise<Answer[]> {
  const args = [api.url, TOKEN, SECRET, NODE, String(VMID)];
  const stdin = calls.map((each) => `${JSON.stringify(each)}\n`).join("");
  const result = succeeded("the client", await runCommand(program(), args, { env: {}, stdin }));
  const answers = result.stdout.trimEnd().split("\n");
  equal(answers.length, calls.length, result.stderr);
  // The client prints nothing else.
  return answers.map((answer) => parseExactJson(answer) as Answer);
}

/** What a method gives that must succeed. */
async function value(api: ProxmoxApi, ...each: Call): Promise<unknown> {
  const [answer] = await call(api, each);
  equal(answer?.error, undefined, each[0]);
  return answer?.value;
}

/** What the API itself answers, without the library. */
async function get(api: ProxmoxApi, command: string): Promise<Fields> {
  const response = await fetch(`${api.url}/nodes/${NODE}/qemu/${VMID}/agent/${command}`, {
    headers: { Authorization: `PVEAPIToken=${TOKEN}=${SECRET}` },
  });
  // The envelope that the API always has.
  return (await response.json() as { readonly data: Fields }).data;
}

/** What the agent says on its socket, in this order. It serves one client at a time. */
async function ask(agent: RunningAgent, ...commands: readonly string[]): Promise<unknown[]> {
  await using client = await agent.client();
  const returned: unknown[] = [];
  for (const command of commands) returned.push(await client.execute(command));
  return returned;
}

function pick(fields: Fields, ...names: readonly string[]): Fields {
  return Object.fromEntries(names.map((name) => [name, fields[name]]));
}

Deno.test("each method that reads gives what the agent says", async () => {
  await using agent = await startOnFixtureNode();
  const [os, host, zone, users, blocks, size, vcpus, info] = await ask(
    agent,
    ...["guest-get-osinfo", "guest-get-host-name", "guest-get-timezone", "guest-get-users"],
    ...["guest-get-memory-blocks", "guest-get-memory-block-info", "guest-get-vcpus", "guest-info"],
  );
  await using api = ProxmoxApi.start(agent.socket);
  // A member that is not there is empty in Go, and one that is false is left out again.
  equal((os as Fields)["id"], "talos");
  deepEqual(await value(api, "AgentOsInfo"), { version: "", ...os as Fields });
  equal(await value(api, "AgentGetHostName"), (host as Fields)["host-name"]);
  equal(await value(api, "AgentGetTimezone"), (zone as Fields)["zone"]);
  deepEqual(await value(api, "AgentGetUsers"), users);
  deepEqual(await value(api, "AgentGetMemoryBlocks"), blocks);
  deepEqual(await value(api, "AgentGetMemoryBlockInfo"), size);
  deepEqual(
    await value(api, "AgentGetVCPUs"),
    (vcpus as Fields[]).map((cpu) =>
      cpu["can-offline"] === true ? cpu : pick(cpu, "logical-id", "online")
    ),
  );
  const { version, supported_commands: commands } = info as Fields;
  deepEqual(await value(api, "AgentGetInfo"), {
    version,
    supported_commands: (commands as Fields[]).map((command) =>
      pick(command, "name", "enabled", "success-response")
    ),
  });
  const milliseconds = Number(await value(api, "AgentGetTime")) / 1e6;
  ok(Math.abs(milliseconds - Date.now()) < 60_000, `${milliseconds}`);
  deepEqual(await value(api, "AgentPing"), null);
  deepEqual(await value(api, "AgentCommand", "get-host-name"), host);
  equal((await value(api, "AgentCommandIndex") as unknown[]).length, 25);
});

Deno.test("of the interfaces, lo comes first and then the node's own, with all addresses", async () => {
  await using agent = await startOnFixtureNode();
  const [interfaces, routes] = await ask(
    agent,
    ...["guest-network-get-interfaces", "guest-network-get-route"],
  ) as Fields[][];
  const [lo, own] = interfaces ?? [];
  equal(lo?.["name"], "lo");
  const [best] = (routes ?? [])
    .filter((route) => route["destination"] === "0.0.0.0" && route["mask"] === "0.0.0.0")
    .sort((one, other) => Number(one["metric"]) - Number(other["metric"]));
  // A machine without a network has none.
  if (best !== undefined) equal(own?.["name"], best["iface"]);

  await using api = ProxmoxApi.start(agent.socket);
  const { result } = await get(api, "network-get-interfaces");
  deepEqual((result as Fields[]).map(({ name }) => name), interfaces?.map(({ name }) => name));
  // The library leaves lo out.
  deepEqual(
    await value(api, "AgentGetNetworkIFaces"),
    interfaces === undefined || interfaces.length === 1
      ? null
      : interfaces.slice(1).map((each) => ({
        ...pick(each, "name", "hardware-address"),
        "ip-addresses": each["ip-addresses"] ?? null,
      })),
  );
});

Deno.test("file systems have their sizes and disks", async () => {
  // Those of this machine, by an agent that can do nothing but tell.
  const only = "guest-get-fsinfo,guest-get-osinfo,guest-ping";
  await using agent = await startOnFixtureNode("--path-rootfs", "/", "-a", only);
  const [expected] = await ask(agent, "guest-get-fsinfo") as Fields[][];
  await using api = ProxmoxApi.start(agent.socket);
  const found = await value(api, "AgentGetFsInfo") as Fields[];
  const names = ["name", "mountpoint", "type", "total-bytes"];
  deepEqual(
    found.map((each) => pick(each, ...names)),
    expected?.map((each) => pick(each, ...names)),
  );
  for (const [index, { disk }] of found.entries()) {
    const disks = (expected?.[index]?.["disk"] ?? []) as Fields[];
    deepEqual(
      ((disk ?? []) as Fields[]).map((each) => pick(each, "bus-type", "pci-controller", "dev")),
      disks.map((each) => pick(each, "bus-type", "pci-controller", "dev")),
    );
  }
});

Deno.test("a freeze is undone, and a trim tells what it trimmed", async () => {
  await using agent = await startOnFixtureNode();
  await using api = ProxmoxApi.start(agent.socket);
  const answers = await call(
    api,
    ["AgentFsfreezeStatus"],
    ["AgentFsfreezeFreeze"],
    ["AgentFsfreezeThaw"],
    ["AgentFsfreezeStatus"],
    ["AgentFstrim"],
  );
  const expected = ["thawed", 0, 0, "thawed", { paths: [] }];
  deepEqual(answers, expected.map((each) => ({ value: each })));
});

Deno.test("programs are run, with input and without", async () => {
  await using agent = await startOnFixtureNode("-b", "");
  await using api = ProxmoxApi.start(agent.socket);
  const pid = await value(api, "AgentExec", "from Go", "sh", "-c", "cat; exit 3");
  const status = await value(api, "WaitForAgentExecExit", String(pid), "10") as Fields;
  deepEqual(pick(status, "exited", "exitcode", "out-data", "out-truncated"), {
    exited: 1,
    exitcode: 3,
    "out-data": "from Go",
    "out-truncated": false,
  });
  const [started, gone] = await call(api, ["AgentExec", "", "true"], ["AgentExec", "", "/no/such"]);
  const quiet = await value(api, "WaitForAgentExecExit", String(started?.value), "10") as Fields;
  deepEqual(pick(quiet, "exited", "exitcode", "out-data"), {
    exited: 1,
    exitcode: 0,
    "out-data": "",
  });
  match(gone?.error ?? "", /no pid/);
  const [again] = await call(api, ["AgentExecStatus", String(pid)]);
  match(again?.error ?? "", /^500 Agent error: .*pid/i);
});

Deno.test("what a program complains of is told as Proxmox VE tells it", async () => {
  await using agent = await startOnFixtureNode("-b", "");
  await using api = ProxmoxApi.start(agent.socket);
  const pid = await value(api, "AgentExec", "", "sh", "-c", "echo out; echo err >&2");
  // The library takes err-truncated for a boolean, which Proxmox VE does not send: it can read no such status.
  const status = await until("the program ends", async () => {
    const found = await get(api, `exec-status?pid=${pid}`);
    return found["exited"] === 1 ? found : undefined;
  });
  deepEqual(status, {
    exited: 1,
    exitcode: 0,
    "out-data": "out\n",
    "out-truncated": 0,
    "err-data": "err\n",
    "err-truncated": 0,
  });
});

Deno.test("a file is written and read", async () => {
  await using agent = await startOnFixtureNode("-b", "");
  await using api = ProxmoxApi.start(agent.socket);
  const content = "forty kibibytes\n".repeat(2560);
  const answers = await call(
    api,
    ["AgentFileWrite", "/etc/written", content],
    ["AgentFileRead", "/etc/written"],
    ["AgentFileRead", "/no/such"],
  );
  equal(await Deno.readTextFile(`${agent.directory}/root/etc/written`), content);
  deepEqual(answers.slice(0, 2), [{ value: null }, { value: { content } }]);
  match(answers[2]?.error ?? "", /^500 Agent error: failed to open file '\/no\/such'/);
});

Deno.test("what Talos does not have is refused with a reason", async () => {
  await using agent = await startOnFixtureNode();
  await using api = ProxmoxApi.start(agent.socket);
  const [password, file, exec, suspend, shutdown, details] = await call(
    api,
    ["AgentSetUserPassword", "root", "secret"],
    ["AgentFileRead", "/etc/os-release"],
    ["AgentExec", "", "true"],
    ["AgentSuspendRAM"],
    ["AgentShutdown"],
    ["AgentCommand", "shutdown"],
  );
  match(password?.error ?? "", /^500 Agent error: .*Talos has no users/);
  match(file?.error ?? "", /^500 Agent error: .*files are closed/);
  match(exec?.error ?? "", /no pid/);
  // Errors of commands without parameters are results for Proxmox VE, at which these methods do not look.
  deepEqual([suspend, shutdown], [{ value: null }, { value: null }]);
  const { error } = details?.value as { readonly error: Fields };
  equal(error["class"], "CommandNotFound");
  match(String(error["desc"]), /--talosconfig/);
});

Deno.test("an agent is waited for", async () => {
  await using agent = await startOnFixtureNode();
  await using api = ProxmoxApi.start();
  const waiting = value(api, "WaitForAgent", "10");
  const asked = () => api.requests.some((path) => path.endsWith("/get-osinfo"));
  await until("the agent is asked for", () => Promise.resolve(asked() ? true : undefined));
  api.agentSocket = agent.socket;
  equal(await waiting, null);
});
